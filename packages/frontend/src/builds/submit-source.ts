import { BuildOptions } from '@copr/contract/api/builds'
import { DistgitBuild, type SettableSource } from '@copr/contract/api/sources'
import { submitBuild } from '@copr/domain/builds/submit'
import type { Frontend } from '../frontend.ts'
import { parseForm } from '../http/read-form.ts'
import { type FormSubmission, prepareSubmission } from './build-request.ts'
import { readSource, sourceOfBuild } from './source-form.ts'

/** Makes a build of a source that the form describes; returns its id. */
export async function submitSource(
  frontend: Frontend,
  { user, project, type, form }: FormSubmission & { type: SettableSource },
): Promise<number> {
  const options = parseForm(BuildOptions, form)
  const package_name = type === 'distgit' ? parseForm(DistgitBuild, form).package_name : ''
  const source = await readSource(frontend, { type, form, package_name })
  const prepared = await prepareSubmission(frontend, { user, project, options })
  const resolved = await sourceOfBuild(frontend, source)
  return await submitBuild(frontend.db, { ...prepared, source: resolved }, frontend.now())
}
