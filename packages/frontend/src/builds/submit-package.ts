import type { BuildOptions } from '@copr/contract/api/builds'
import { isSettableSource } from '@copr/contract/api/sources'
import { submitBuild } from '@copr/domain/builds/submit'
import type { Package } from '@copr/domain/packages/package-queries'
import type { CommitStatusWish } from '@copr/domain/received-webhooks/commit-statuses'
import type { Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import type { Frontend } from '../frontend.ts'
import { prepareSubmission, type Submitter } from './build-request.ts'
import { sourceOfBuild } from './source-form.ts'

export interface PackageBuild {
  project: Project
  pack: Package
  options: BuildOptions
  /** A user who has the right to build, or a webhook. */
  by: Submitter
  /** Fields that replace those of the stored source, such as the commit that triggered a webhook. */
  source?: Record<string, unknown>
  /** The commit whose status on its forge is kept in step with the build. */
  commit_status?: CommitStatusWish | undefined
}

/** Makes a build of a package from its stored source; returns the build's id. */
export async function submitPackage(
  frontend: Frontend,
  { project, pack, options, by, source = {}, commit_status }: PackageBuild,
): Promise<number> {
  const prepared = await prepareSubmission(frontend, { user: by, project, options, pack })
  const { source_type: type, source_json, name } = pack
  if (!isSettableSource(type))
    throw new CoprError(
      'invalid',
      `Package '${name}' doesn't have the default source method set, but it is required for the rebuild request. Please configure some source method first`,
    )
  const json = { ...source_json, ...source }
  const resolved = await sourceOfBuild(frontend, { type, json })
  const submission = { ...prepared, source: resolved, commit_status }
  return await submitBuild(frontend.db, submission, frontend.now())
}
