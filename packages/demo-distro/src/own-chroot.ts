import type { ChrootConfig } from '@copr/contract/chroot-config'
import { CoprError } from '@copr/process/errors'
import { run } from '@copr/process/run'
import {
  type ChosenRepositories,
  chrootRepositories,
  readDnfRepositories,
} from './dnf-repositories.ts'
import type { HostDistribution } from './host-distribution.ts'

type DnfHost = Extract<HostDistribution, { kind: 'dnf' }>

export interface OwnChroot {
  config: ChrootConfig
  /** Enabled repositories that are not part of it, and why. */
  leftOut: ChosenRepositories['leftOut']
}

/**
 * The packages that build roots of the Fedora family begin with, as mock installs them. By name, because the group
 * `buildsys-build` exists in Fedora's own repositories only. The paths are bash and gawk there; elsewhere they may be others.
 */
const BASE_PACKAGES = [
  '/bin/sh', '/usr/bin/awk', 'bash', 'bzip2', 'coreutils', 'cpio', 'diffutils', 'findutils', 'gawk', 'glibc-minimal-langpack', 'grep',
  'gzip', 'info', 'patch', 'redhat-rpm-config', 'rpm-build', 'sed', 'shadow-utils', 'tar', 'unzip', 'util-linux', 'which', 'xz',
] // prettier-ignore

/** The chroot that consists of the repositories which dnf uses on this machine. */
export async function ownChroot(host: DnfHost, signal?: AbortSignal): Promise<OwnChroot> {
  const { repos, leftOut } = chrootRepositories(await readDnfRepositories(host.version, signal))
  if (repos.length === 0)
    throw new CoprError(
      'unavailable',
      `Cannot make a chroot of ${host.name}: dnf has no enabled repository that a chroot can use${leftOut.map(({ id, reason }) => `; ${id} is left out: ${reason}`).join('')}`,
    )
  const config: ChrootConfig = {
    name: host.chroot,
    comment: `${host.name}, from the repositories of the machine: ${repos.map(({ id }) => id).join(', ')}`,
    repos,
    install: [...BASE_PACKAGES, await releasePackage(host, signal)],
    macros: {},
    tags: [],
  }
  return { config, leftOut }
}

/** Fedora has a release package for each edition; builds take the plain one. Elsewhere it is the one installed here. */
async function releasePackage({ id }: DnfHost, signal?: AbortSignal): Promise<string> {
  if (id === 'fedora') return 'fedora-release'
  const query = ['-qf', '--qf', '%{NAME}\\n', '/usr/lib/os-release']
  const { ok, output } = await run('rpm', query, signal && { signal })
  const name = /^([\w.+-]+)$/m.exec(output)?.[1]
  return ok && name !== undefined ? name : 'system-release'
}
