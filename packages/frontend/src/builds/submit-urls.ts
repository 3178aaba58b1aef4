import { UrlBuild } from '@copr/contract/api/builds'
import { submitBuild } from '@copr/domain/builds/submit'
import type { UserActor } from '@copr/domain/audit/actor'
import type { Frontend } from '../frontend.ts'
import { type Form, parseForm } from '../http/read-form.ts'
import { prepareSubmission, targetProject } from './build-request.ts'

/** Makes a build for each URL in the form; returns their ids. */
export async function submitUrls(
  frontend: Frontend,
  user: UserActor,
  form: Form,
): Promise<number[]> {
  const project = await targetProject(frontend, form)
  const { pkgs, ...options } = parseForm(UrlBuild, form)
  const prepared = await prepareSubmission(frontend, { user, project, options })
  const ids: number[] = []
  for (const url of pkgs) {
    const source = { type: 'link' as const, json: { url } }
    ids.push(await submitBuild(frontend.db, { ...prepared, source }, frontend.now()))
  }
  return ids
}
