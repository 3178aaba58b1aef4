import { existsSync, readFileSync } from 'node:fs'
import { machine } from 'node:os'

/** The facts, in addition to os-release, that determine which chroot a machine can provide for itself. */
export interface HostDescription {
  /** The output of `uname -m`. */
  arch: string
  /** The package manager whose database has the package that owns os-release. */
  managedBy: 'dpkg' | 'rpm' | undefined
}

export type HostDistribution =
  /** A mini distribution is built from the packages of this release. */
  | { kind: 'debian-like'; name: string; id: string; version: string; arch: string; chroot: string }
  /** The chroot uses the repositories that dnf uses on this machine. */
  | { kind: 'dnf'; name: string; id: string; version: string; arch: string; chroot: string }
  | { kind: 'none'; name: string; reason: string }

const ARCHES = ['x86_64', 'aarch64']
/** Releases for which the package list is complete. A derivative is mapped to one of them by its code name. */
const DEBIAN_RELEASES: Record<string, string[]> = { debian: ['12', '13'], ubuntu: ['24.04'] }
const CODENAMES: Record<string, [id: string, version: string]> = {
  bookworm: ['debian', '12'],
  trixie: ['debian', '13'],
  noble: ['ubuntu', '24.04'],
}
const WORKING =
  'Debian 12, Debian 13 and Ubuntu 24.04 have one, and Fedora, RHEL and its rebuilds use their own repositories'

/** Maps the ID in os-release to the prefix that Copr and mock use in chroot names, if the two differ. */
const CHROOT_IDS: Record<string, string> = { ol: 'oraclelinux', amzn: 'amazonlinux' }
/** Distributions whose chroots are named after the major version, because minor releases share the same repositories. */
const MAJOR_ONLY = /^(rhel|centos|rocky|almalinux|ol)$/

/**
 * Decides which chroot this machine can provide for itself. The package manager takes precedence over os-release: a machine whose
 * os-release says Debian may have been installed from RPMs.
 */
export function hostDistribution(osRelease: string, facts: HostDescription): HostDistribution {
  const os = parseOsRelease(osRelease)
  const name = os['PRETTY_NAME'] ?? os['NAME'] ?? 'an unknown system'
  const none = (reason: string): HostDistribution => ({ kind: 'none', name, reason })
  if (!ARCHES.includes(facts.arch))
    return none(`${name} runs on ${facts.arch}: only ${ARCHES.join(' and ')} are supported`)
  if (facts.managedBy === 'dpkg') return debianLike(os, name, facts.arch)
  if (facts.managedBy === 'rpm') {
    if (/\bsuse\b/.test(`${os['ID'] ?? ''} ${os['ID_LIKE'] ?? ''}`))
      return none(`${name} manages its packages with zypper, not with dnf`)
    const [id, version] = rpmRelease(os)
    return {
      kind: 'dnf',
      name,
      id,
      version,
      arch: facts.arch,
      chroot: `${id}-${version}-${facts.arch}`,
    }
  }
  return none(`There is no mini distribution for ${name}: ${WORKING}`)
}

function debianLike(os: Record<string, string>, name: string, arch: string): HostDistribution {
  const own = [os['ID'] ?? '', os['VERSION_ID'] ?? ''] as const
  const base = CODENAMES[os['UBUNTU_CODENAME'] ?? os['DEBIAN_CODENAME'] ?? '']
  const isKnown = (id: string): boolean => id in DEBIAN_RELEASES
  const [id, version] = isKnown(own[0]) ? own : (base ?? own)
  if (!DEBIAN_RELEASES[id]?.includes(version))
    return {
      kind: 'none',
      name,
      reason: `There is no mini distribution for ${name}: ${WORKING}`,
    }
  return { kind: 'debian-like', name, id, version, arch, chroot: `${id}-${version}-${arch}` }
}

function rpmRelease(os: Record<string, string>): [id: string, version: string] {
  const id = os['ID'] ?? 'linux'
  const version = os['VERSION_ID'] ?? 'rolling'
  // The VERSION_ID of rawhide is the number of the release that will be branched from it next.
  if (id === 'fedora' && os['REDHAT_BUGZILLA_PRODUCT_VERSION'] === 'rawhide') return [id, 'rawhide']
  if (id === 'centos' && /stream/i.test(os['NAME'] ?? '')) return ['centos-stream', major(version)]
  const isRebuild = / (rhel|centos) /.test(` ${os['ID_LIKE'] ?? ''} `) && id !== 'amzn'
  return [
    CHROOT_IDS[id] ?? id,
    MAJOR_ONLY.test(id) || isRebuild ? major(version) : version.replaceAll('-', '.'),
  ]
}

const major = (version: string): string => version.split('.')[0] ?? version

function parseOsRelease(text: string): Record<string, string> {
  const found = text.matchAll(/^\s*([A-Z][A-Z0-9_]*)=(?:"([^"\n]*)"|'([^'\n]*)'|([^\s#]*))/gm)
  return Object.fromEntries(
    [...found].map(([, key = '', double, single, plain]) => [key, double ?? single ?? plain ?? '']),
  )
}

const RPM_DATABASES = ['/usr/lib/sysimage/rpm', '/var/lib/rpm'].flatMap((dir) =>
  ['rpmdb.sqlite', 'Packages.db', 'Packages'].map((file) => `${dir}/${file}`),
)

/** dpkg takes precedence: on Debian, rpm has a database as soon as someone has used it. */
function readHostDescription(): HostDescription {
  const isDpkg = existsSync('/var/lib/dpkg/info/base-files.list')
  const isRpm = RPM_DATABASES.some((path) => existsSync(path))
  return { arch: machine(), managedBy: isDpkg ? 'dpkg' : isRpm ? 'rpm' : undefined }
}

/** Returns the distribution of this machine. */
export function thisHost(): HostDistribution {
  const path = ['/etc/os-release', '/usr/lib/os-release'].find((one) => existsSync(one))
  return hostDistribution(path ? readFileSync(path, 'utf8') : '', readHostDescription())
}
