import type { ChrootConfig } from '@copr/contract/chroot-config'
import { debianChroot } from '@copr/demo-distro/chroot'

/**
 * The chroots of upstream's tests: name and version of the release, its distribution macros, and architectures. Only x86_64 has builders.
 */
const RELEASES: readonly [name: string, macros: Record<string, string>, arches: string[]][] = [
  ['fedora-44', fedora('44'), ['x86_64', 'i386', 'aarch64']],
  ['fedora-43', fedora('43'), ['x86_64']],
  ['fedora-rawhide', fedora('45'), ['x86_64', 'i386', 'aarch64']],
  ...['6', '7', '8', '9'].map((rhel): [string, Record<string, string>, string[]] => [
    `epel-${rhel}`,
    { rhel, dist: `.el${rhel}` },
    ['x86_64'],
  ]),
]

function fedora(version: string): Record<string, string> {
  return { fedora: version, dist: `.fc${version}` }
}

/** Returns the chroots that upstream's tests use. They all build with the mini distribution and the additional packages in `extras`. */
export async function upstreamChroots(distro: string, extras: string): Promise<ChrootConfig[]> {
  const base = await debianChroot(distro)
  const repos = base.repos.flatMap((repo) => [
    repo,
    { ...repo, id: 'extras', name: 'Stand-ins', baseurl: extras },
  ])
  return RELEASES.flatMap(([name, macros, arches]) =>
    arches.map((arch) => ({ ...base, name: `${name}-${arch}`, comment: '', repos, macros })),
  )
}
