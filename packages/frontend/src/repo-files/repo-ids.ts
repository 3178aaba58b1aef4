import { expandRepo, repoIdOf } from '@copr/domain/projects/repo-url'
import type { FrontendConfig } from '../frontend.ts'

/** The host name in repository IDs, without a port, as dnf's plugins compute it from user input. */
export function hubHost({ public_url }: Pick<FrontendConfig, 'public_url'>): string {
  return new URL(public_url).hostname
}

/** The owner in repository IDs and file names; a group has the prefix `group_` instead of `@`. */
export function ownerInIds(ownername: string): string {
  return ownername.replace(/^@/, 'group_')
}

export function projectRepoId(
  prefix: 'copr' | 'coprdep',
  host: string,
  { ownername, dirname }: { ownername: string; dirname: string },
): string {
  // dnf refuses other characters in a repository ID, for example non-Latin letters in the suffix of a directory.
  const name = dirname.replaceAll(/[^A-Za-z0-9_.:-]/gu, '_')
  return `${prefix}:${host}:${ownerInIds(ownername)}:${name}`
}

export function externalRepoId(url: string): string {
  return `coprdep:${repoIdOf(url)}`
}

/** The baseurl of an external repository in a user's dnf configuration. */
export function externalBaseurl(url: string, chroot: string): string {
  return expandRepo(url, { chroot, results_url: '' }).baseurl
}
