import type { ProjectChroot } from '@copr/domain/projects/project-chroots'

type Chroot = Pick<ProjectChroot, 'name' | 'os_release' | 'os_version' | 'arch' | 'is_active'>

export interface WantedChroot {
  /** Distribution and version in dnf's request: `fedora-43`. */
  name_release: string
  arch: string | undefined
  /** Maps each alias, such as `devuan-5`, to the release whose chroots serve it. */
  aliases: ReadonlyMap<string, string>
}

/** Enterprise Linux and the distributions that are compatible with it. Packages built for `epel` work on all of them. */
const EL = ['epel', 'rhel', 'centos-stream', 'centos', 'almalinux', 'rocky', 'rhel+epel']

function releaseOf({ os_release, os_version }: Pick<Chroot, 'os_release' | 'os_version'>) {
  return `${os_release}-${os_version}`
}

/**
 * Chooses the chroot for a distribution version, and for an architecture if one is given. If the project has no active chroot of that
 * version and the version is an alias, the release that it maps to is used. If no chroot is found, a compatible Enterprise Linux
 * distribution of the same major version is used.
 */
export function chooseChroot<C extends Chroot>(
  chroots: C[],
  { name_release, arch, aliases }: WantedChroot,
): C | undefined {
  const isThere = chroots.some((chroot) => chroot.is_active && releaseOf(chroot) === name_release)
  const alias = isThere ? undefined : aliases.get(name_release)
  for (const release of [alias ?? name_release, ...relatives(name_release)]) {
    const found = chroots.findLast(
      (chroot) => releaseOf(chroot) === release && (arch === undefined || arch === chroot.arch),
    )
    if (found) return found
  }
  return undefined
}

/** Lists compatible Enterprise Linux releases, such as `epel-9` for `rocky-9.4` and vice versa. dnf 4 requests `epel-9` on all of them. */
function relatives(name_release: string): string[] {
  const [, name = '', major = ''] = /^(.+)-(\d+)(?:\.\d+)?$/.exec(name_release) ?? []
  if (!EL.includes(name)) return []
  return [name, ...EL].map((each) => `${each}-${major}`)
}

export function hasMultilib(chroot: Chroot, chroots: Chroot[]): boolean {
  return (
    chroot.arch === 'x86_64' &&
    chroots.some(
      (each) => each.is_active && each.arch === 'i386' && releaseOf(each) === releaseOf(chroot),
    )
  )
}
