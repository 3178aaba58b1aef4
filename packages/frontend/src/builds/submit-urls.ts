import { type BuildOptions, UrlBuild } from '@copr/contract/api/builds'
import { submitBuild } from '@copr/domain/builds/submit'
import type { Frontend } from '../frontend.ts'
import { parseForm } from '../http/read-form.ts'
import {
  checkOptions,
  prepareSubmission,
  type SentForm,
  type UserSubmission,
} from './build-request.ts'

/** Parses a form with URLs and the options of their builds. */
export async function readUrls(
  frontend: Frontend,
  { project, form }: SentForm,
): Promise<{ urls: string[]; options: BuildOptions }> {
  const { pkgs: urls, ...options } = parseForm(UrlBuild, form)
  await checkOptions(frontend, { project, options })
  return { urls, options }
}

/** Makes a build for each URL; returns their ids. */
export async function submitUrls(
  frontend: Frontend,
  { user, project, options, urls }: UserSubmission & { urls: string[] },
): Promise<number[]> {
  const wanted = { user, project, options, builds: urls.length }
  const prepared = await prepareSubmission(frontend, wanted)
  const ids: number[] = []
  for (const url of urls) {
    const source = { type: 'link' as const, json: { url } }
    ids.push(await submitBuild(frontend.db, { ...prepared, source }, frontend.now()))
  }
  return ids
}
