import { BuildOptions } from '@copr/contract/api/builds'
import { DistgitBuild, type SettableSource } from '@copr/contract/api/sources'
import { submitBuild } from '@copr/domain/builds/submit'
import type { Frontend } from '../frontend.ts'
import { parseForm } from '../http/read-form.ts'
import {
  checkOptions,
  prepareSubmission,
  type SentForm,
  type UserSubmission,
} from './build-request.ts'
import { readSource, sourceOfBuild, type SourceSettings } from './source-form.ts'

/** Parses the source that a form describes, and the options of its build. */
export async function readSourceForm(
  frontend: Frontend,
  { project, form, type }: SentForm & { type: SettableSource },
): Promise<{ source: SourceSettings; options: BuildOptions }> {
  const options = parseForm(BuildOptions, form)
  const package_name = type === 'distgit' ? parseForm(DistgitBuild, form).package_name : ''
  const source = await readSource(frontend, { type, form, package_name })
  await checkOptions(frontend, { project, options })
  return { source, options }
}

/** Makes a build of a source; returns its id. */
export async function submitSource(
  frontend: Frontend,
  { user, project, options, source }: UserSubmission & { source: SourceSettings },
): Promise<number> {
  const prepared = await prepareSubmission(frontend, { user, project, options })
  const resolved = await sourceOfBuild(frontend, source)
  return await submitBuild(frontend.db, { ...prepared, source: resolved }, frontend.now())
}
