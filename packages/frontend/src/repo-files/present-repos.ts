import type { RepoAnswer } from '@copr/contract/api/chroots'
import { type BuildReposInput, reposForBuild } from '@copr/domain/projects/build-repos'

export function presentRepos(input: BuildReposInput): RepoAnswer[] {
  return reposForBuild(input).map(
    ({ id, name, baseurl, priority, module_hotfixes, repo_gpgcheck }) => ({
      id,
      name,
      baseurl,
      priority,
      module_hotfixes,
      repo_gpgcheck,
    }),
  )
}

/** Formats the bootstrap settings; returns an empty object if they are the default. */
export function presentBootstrap({
  bootstrap,
  bootstrap_image,
}: {
  bootstrap: string
  bootstrap_image: string | null
}): { bootstrap?: string; bootstrap_image?: string } {
  if (bootstrap === 'default') return {}
  return { bootstrap, ...(bootstrap_image !== null && { bootstrap_image }) }
}
