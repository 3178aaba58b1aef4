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

/** Returns the first bootstrap setting that is not `unchanged`, in the order of `settings`; nothing if it is the default. */
export function bootstrapOf(
  settings: string[],
  image: string | null,
): { bootstrap?: string; bootstrap_image?: string } {
  const bootstrap = settings.find((each) => each !== 'unchanged') ?? 'default'
  if (bootstrap === 'default') return {}
  return { bootstrap, ...(bootstrap === 'custom_image' && image ? { bootstrap_image: image } : {}) }
}
