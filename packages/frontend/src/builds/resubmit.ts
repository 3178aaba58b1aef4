import type { BuildOptions } from '@copr/contract/api/builds'
import { isSettableSource } from '@copr/contract/api/sources'
import type { Build } from '@copr/domain/builds/build-queries'
import { type Source, submitBuild } from '@copr/domain/builds/submit'
import type { UserActor } from '@copr/domain/audit/actor'
import type { Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import { sourceDir } from './present-build.ts'
import { type Frontend, resultsUrl } from '../frontend.ts'
import { prepareSubmission } from './build-request.ts'

interface Resubmission {
  build: Build
  /** The project of the build. */
  project: Project
  options: BuildOptions
  user: UserActor
}

/** Submits the source of an existing build again; returns the id of the new build. */
export async function resubmitBuild(
  frontend: Frontend,
  { build, project, options, user }: Resubmission,
): Promise<number> {
  const prepared = await prepareSubmission(frontend, { user, project, options })
  const source = sourceAgain(build, resultsUrl(frontend.config))
  if (typeof source === 'string') throw new CoprError('invalid', source)
  return await submitBuild(frontend.db, { ...prepared, source }, frontend.now())
}

/** Why a build cannot be resubmitted; undefined if it can. */
export function whyNotRepeatable(build: Build): string | undefined {
  const source = sourceAgain(build, '')
  return typeof source === 'string' ? source : undefined
}

/**
 * Returns the source of a build. For an upload, whose file is deleted after the import, that is the SRPM in the build's results. If no
 * source is available, returns the reason as a string.
 */
function sourceAgain(build: Build, results_url: string): Source | string {
  const { source_type: type, source_json: json, srpm_name } = build
  if (isSettableSource(type)) return { type, json }
  if (type === 'link' && typeof json['url'] === 'string')
    return { type, json: { url: json['url'] } }
  if (srpm_name === null || build.source_state !== 'succeeded')
    return `Cannot resubmit build ${build.id}: its source package was not kept; upload it again`
  return { type: 'link', json: { url: `${sourceDir(build, results_url)}/${srpm_name}` } }
}
