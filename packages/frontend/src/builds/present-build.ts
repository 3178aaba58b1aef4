import type { BuildAnswer, BuildChrootAnswer } from '@copr/contract/api/builds'
import type { FailureDetails } from '@copr/contract/failure'
import { paddedBuildId } from '@copr/contract/names'
import type { Build, BuildChroot } from '@copr/domain/builds/build-queries'
import type { BuildSummary } from '@copr/domain/builds/build-summaries'

/** The `memory_limit` of the reference system, which old clients display. */
export const MEMORY_LIMIT = 2048

export function presentBuild(build: BuildSummary, results_url: string): BuildAnswer {
  return {
    id: build.id,
    state: build.state,
    ownername: build.ownername,
    projectname: build.projectname,
    project_dirname: build.dirname,
    repo_url: `${results_url}/${build.ownername}/${build.projectname}`,
    source_package: {
      name: build.package_name,
      version: build.package_version,
      url: build.srpm_name === null ? null : `${sourceDir(build, results_url)}/${build.srpm_name}`,
    },
    chroots: build.chroot_names,
    submitted_on: unixSeconds(build.submitted_at),
    started_on: build.first_started_at && unixSeconds(build.first_started_at),
    ended_on: build.last_ended_at && unixSeconds(build.last_ended_at),
    submitter: build.submitter,
    is_background: build.is_background,
  }
}

export function presentBuildChroot(
  chroot: BuildChroot,
  build: Build,
  results_url: string,
): BuildChrootAnswer {
  return {
    name: chroot.name,
    state: chroot.state,
    started_on: chroot.started_at && unixSeconds(chroot.started_at),
    ended_on: chroot.ended_at && unixSeconds(chroot.ended_at),
    result_url: resultUrl(chroot, build, results_url),
    ...presentFailure(chroot.state_reason, chroot.failure),
  }
}

/**
 * Returns the field `failure`, with the cause of a failure and the reason as shown on the build's page. Without a stored cause, the field
 * is absent, as in Copr.
 */
export function presentFailure(
  reason: string | null,
  failure: FailureDetails | null,
): Pick<BuildChrootAnswer, 'failure'> {
  return failure ? { failure: { reason: reason ?? '', ...failure } } : {}
}

/** The URL of a build chroot's results, with a trailing slash; null until a builder has started. */
export function resultUrl(
  chroot: Pick<BuildChroot, 'name' | 'result_dir'>,
  build: Pick<Build, 'ownername' | 'dirname'>,
  results_url: string,
): string | null {
  if (chroot.result_dir === null) return null
  return `${results_url}/${build.ownername}/${build.dirname}/${chroot.name}/${chroot.result_dir}/`
}

/** The URL of the folder with the SRPM and the source build's logs, without a trailing slash. */
export function sourceDir(
  build: Pick<Build, 'id' | 'ownername' | 'dirname'>,
  results_url: string,
): string {
  return `${results_url}/${build.ownername}/${build.dirname}/srpm-builds/${paddedBuildId(build.id)}`
}

function unixSeconds(moment: Date): number {
  return Math.floor(moment.getTime() / 1000)
}
