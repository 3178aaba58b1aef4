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
  /** Enabled repositories that the chroot leaves out, with the reasons. */
  leftOut: ChosenRepositories['leftOut']
}

/**
 * The packages that mock installs in buildroots of the Fedora family. They are listed individually, because only Fedora's own repositories
 * have the group `buildsys-build`. In Fedora, the paths belong to bash and gawk; elsewhere, they may belong to other packages.
 */
const BASE_PACKAGES = [
  '/bin/sh', '/usr/bin/awk', 'bash', 'bzip2', 'coreutils', 'cpio', 'diffutils', 'findutils', 'gawk', 'glibc-minimal-langpack', 'grep',
  'gzip', 'info', 'patch', 'redhat-rpm-config', 'rpm-build', 'sed', 'shadow-utils', 'tar', 'unzip', 'util-linux', 'which', 'xz',
] // prettier-ignore

/** Returns the chroot with the repositories that dnf uses on this machine. */
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

/**
 * Returns the name of the package with the release files. Fedora has several, one of which is for no particular edition and is used in
 * builds; for other distributions, returns the one that is installed.
 */
async function releasePackage({ id }: DnfHost, signal?: AbortSignal): Promise<string> {
  if (id === 'fedora') return 'fedora-release'
  const query = ['-qf', '--qf', '%{NAME}\\n', '/usr/lib/os-release']
  const { ok, output } = await run('rpm', query, signal && { signal })
  const name = /^([\w.+-]+)$/m.exec(output)?.[1]
  return ok && name !== undefined ? name : 'system-release'
}
