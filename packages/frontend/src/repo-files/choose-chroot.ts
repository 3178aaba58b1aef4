import type { ProjectChroot } from '@copr/domain/projects/project-chroots'

type Chroot = Pick<ProjectChroot, 'name' | 'os_release' | 'os_version' | 'arch' | 'is_active'>

export interface WantedChroot {
  /** As dnf asks: `fedora-43`. */
  name_release: string
  arch: string | undefined
  /** Name-release to the one that serves it. */
  aliases: ReadonlyMap<string, string>
}

/** Rebuilds of one distribution: what is built for `epel` serves them all. */
const EL = ['epel', 'rhel', 'centos-stream', 'centos', 'almalinux', 'rocky', 'rhel+epel']

function releaseOf({ os_release, os_version }: Pick<Chroot, 'os_release' | 'os_version'>) {
  return `${os_release}-${os_version}`
}

/**
 * The chroot of that distribution version, for that architecture if one is named. When the project has no active one,
 * whatever an alias names; then, for a rebuild of Enterprise Linux, another of the same major version.
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

/** `rocky-9.4` may have what `epel-9` has, and the other way round: dnf 4 asks for `epel-9` on all of them. */
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
