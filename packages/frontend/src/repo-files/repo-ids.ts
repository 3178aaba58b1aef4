import { expandRepo, repoIdOf } from '@copr/domain/projects/repo-url'
import type { FrontendConfig } from '../frontend.ts'

/** The host's name as dnf's plugins compute it from what users type: without a port. */
export function hubHost({ public_url }: Pick<FrontendConfig, 'public_url'>): string {
  return new URL(public_url).hostname
}

/** In ids and file names a group is written without its `@`. */
export function ownerInIds(ownername: string): string {
  return ownername.replace(/^@/, 'group_')
}

export function projectRepoId(
  prefix: 'copr' | 'coprdep',
  host: string,
  { ownername, dirname }: { ownername: string; dirname: string },
): string {
  return `${prefix}:${host}:${ownerInIds(ownername)}:${dirname}`
}

export function externalRepoId(url: string): string {
  return `coprdep:${repoIdOf(url)}`
}

/** The URL that a user's dnf is to use for an external repository. */
export function externalBaseurl(url: string, chroot: string): string {
  return expandRepo(url, { chroot, results_url: '' }).baseurl
}
