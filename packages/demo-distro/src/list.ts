import { readFile } from 'node:fs/promises'

export interface ListedPackage {
  /** Where the package is listed, for messages, such as `line 3 of packages.list`. */
  line: string
  /** The first of `names`; after {@link resolveNames}, the first one that exists. */
  debianName: string
  /**
   * The package's names in different releases. A name with a `*` is a pattern: it only sets the RPM name of a package that is installed as
   * a dependency.
   */
  names: string[]
  rpmName: string
  /** Further names by which spec files refer to the package. */
  provides: string[]
  inBuildRoot: boolean
}

/** Reads a package list from this folder: `more-packages.list` contains the packages that are too large for the first start. */
export async function readPackageList(
  name: 'packages.list' | 'more-packages.list' = 'packages.list',
): Promise<ListedPackage[]> {
  return parsePackageList(await readFile(new URL(name, import.meta.url), 'utf8'), name)
}

/** Parses a list; `name` is that of its file. */
export function parsePackageList(text: string, name: string): ListedPackage[] {
  return text.split('\n').flatMap((commented, index) => {
    const line = commented.replace(/#.*/, '').trim()
    return line === '' ? [] : [parseLine(line, `line ${index + 1} of ${name}`)]
  })
}

function parseLine(line: string, where: string): ListedPackage {
  const inBuildRoot = line.startsWith('*')
  const [first = '', named = '=', ...provides] = line.replace(/^\*\s*/, '').split(/\s+/)
  const names = first.split('|')
  const [debianName = ''] = names
  const rpmName = named === '=' ? debianName : named
  return { line: where, debianName, names, rpmName, provides, inBuildRoot }
}

export function isPattern({ debianName }: ListedPackage): boolean {
  return debianName.includes('*')
}

/** Replaces the name of each listed package by the first of its names that exists; drops patterns that match nothing. */
export function resolveNames(
  list: ListedPackage[],
  existing: ReadonlyMap<string, unknown>,
): ListedPackage[] {
  return list.flatMap((one) => {
    const found = isPattern(one)
      ? [...existing.keys()].find((name) => patternOf(one.debianName).test(name))
      : one.names.find((name) => existing.has(name))
    if (found === undefined) return isPattern(one) ? [] : [one]
    return {
      ...one,
      debianName: found,
      rpmName: one.rpmName === one.debianName ? found : one.rpmName,
    }
  })
}

function patternOf(name: string): RegExp {
  return new RegExp(
    `^${name
      .split('*')
      .map((part) => RegExp.escape(part))
      .join('[0-9.]+')}$`,
  )
}

/**
 * Dependencies that only a running Debian needs, for configuration at install time and for package management. They are useless in a
 * buildroot, and some would bring in half a desktop.
 */
export const IGNORED_DEPENDENCIES = new Set([
  'adduser', 'ca-certificates', 'debconf', 'debconf-2.0', 'dpkg', 'dpkg-dev', 'init-system-helpers', 'install-info',
  'libjs-sphinxdoc', 'libpam-modules', 'libpam-modules-bin', 'libpam-runtime', 'libsemanage-common', 'media-types', 'netbase',
  'openssl', 'sensible-utils', 'tex-common', 'tzdata', 'ucf', 'base-passwd', 'base-files', 'libjs-jquery', 'libjs-underscore',
]) // prettier-ignore

/** Dependencies to ignore, by the package that has them: only optional features of the package need them. */
export const IGNORED_DEPENDENCIES_OF: Record<string, string[]> = {
  // only update-alternatives is used, which runs no other program
  dpkg: ['tar'],
  // builds need no translated messages, no key servers, no key directories and no S/MIME
  gnupg: ['dirmngr', 'gnupg-l10n', 'gpg-wks-client', 'gpg-wks-server', 'gpgsm'],
  // the parser needs these to download external entities, and builds have no network
  'libxml-parser-perl': ['libwww-perl', 'liburi-perl'],
  // perl.prov and perl.req run only for packages that contain Perl files, and those packages have perl in their BuildRequires
  rpm: ['perl'],
}

/**
 * Epochs, by Debian name, of packages whose versions are compared with Fedora's versions in spec files. Perl's dependency generators write
 * 5.8.1 as 5.008001, which rpm considers later than 5.36: `perl >= 5.008001` is satisfied only because of the epoch.
 */
export const EPOCHS: Record<string, number> = { perl: 4, 'perl-base': 4 }

/** Files from `tree/` that are added to packages, by the package whose behavior they change. */
export const EXTRA_FILES: Record<string, string[]> = {
  python3: [
    '/usr/lib/python3/dist-packages/copr-mini.pth',
    '/usr/lib/python3/dist-packages/copr_mini_layout.py',
  ],
}

/** Dependencies in addition to Debian's. */
export const EXTRA_REQUIRES: Record<string, string[]> = {
  libc6: ['filesystem'],
  // autopoint becomes the RPM gettext-devel; in Fedora, packages that require gettext-devel also need the programs of gettext
  autopoint: ['gettext'],
  gcc: ['glibc-devel'],
  // %cargo_license and %cargo_generate_buildrequires run Python
  cargo: ['python3'],
  // pytz reads the list of time zones when it is imported
  'python3-tz': ['tzdata'],
  // the programs that rpmbuild and its scripts run, as in Fedora's rpm-build
  rpm: [
    'copr-mini-macros', 'binutils', 'bzip2', 'cpio', 'diffutils', 'elfutils', 'file', 'findutils', 'grep', 'gzip', 'make', 'mawk',
    'patch', 'pkgconf', 'sed', 'tar', 'unzip', 'xz', 'zstd',
  ], // prettier-ignore
  // rpm's generator of python3dist() dependencies imports the module `packaging`
  'python3-dev': ['python3-packaging'],
  'python3-pip': ['python3-packaging'],
}
