import { UrlBuild } from '@copr/contract/api/builds'
import { submitBuild } from '@copr/domain/builds/submit'
import type { Frontend } from '../frontend.ts'
import { parseForm } from '../http/read-form.ts'
import { type FormSubmission, prepareSubmission } from './build-request.ts'

/** Makes a build for each URL in the form; returns their ids. */
export async function submitUrls(
  frontend: Frontend,
  { user, project, form }: FormSubmission,
): Promise<number[]> {
  const { pkgs, ...options } = parseForm(UrlBuild, form)
  const prepared = await prepareSubmission(frontend, { user, project, options })
  const ids: number[] = []
  for (const url of pkgs) {
    const source = { type: 'link' as const, json: { url } }
    ids.push(await submitBuild(frontend.db, { ...prepared, source }, frontend.now()))
  }
  return ids
}
