import { readFile } from 'node:fs/promises'

export interface ListedPackage {
  debianName: string
  rpmName: string
  /** Further names that spec files know the package by. */
  provides: string[]
  inBuildRoot: boolean
}

/** The text of the list and of everything else that decides what the repository contains. */
const PACKAGE_LIST_URL = new URL('packages.list', import.meta.url)

export async function readPackageList(): Promise<ListedPackage[]> {
  return parsePackageList(await readFile(PACKAGE_LIST_URL, 'utf8'))
}

export function parsePackageList(text: string): ListedPackage[] {
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
    .map(parseLine)
}

function parseLine(line: string): ListedPackage {
  const inBuildRoot = line.startsWith('*')
  const [debianName = '', named = '=', ...provides] = line.replace(/^\*\s*/, '').split(/\s+/)
  return { debianName, rpmName: named === '=' ? debianName : named, provides, inBuildRoot }
}

/**
 * Dependencies that only a running Debian needs: configuration at install time and package management.
 * Nothing of it is of use in a build root, and some of it would pull in half a desktop.
 */
export const IGNORED_DEPENDENCIES = new Set([
  'adduser', 'ca-certificates', 'debconf', 'debconf-2.0', 'dpkg', 'dpkg-dev', 'init-system-helpers', 'install-info',
  'libjs-sphinxdoc', 'libpam-modules', 'libpam-modules-bin', 'libpam-runtime', 'libsemanage-common', 'media-types', 'netbase',
  'openssl', 'sensible-utils', 'tex-common', 'tzdata', 'ucf', 'base-passwd', 'base-files', 'libjs-jquery', 'libjs-underscore',
]) // prettier-ignore

/** Dependencies left out of one package: what needs them is optional there. */
export const IGNORED_DEPENDENCIES_OF: Record<string, string[]> = {
  // perl.prov and perl.req run only for packages that ship Perl files; they build-require perl themselves
  rpm: ['perl'],
}

/** Links that Debian's alternatives make when a package is installed. */
export const EXTRA_LINKS: Record<string, Record<string, string>> = {
  automake: { '/usr/bin/automake': 'automake-1.16', '/usr/bin/aclocal': 'aclocal-1.16' },
  bison: { '/usr/bin/yacc': 'bison.yacc' },
  debianutils: { '/usr/bin/which': 'which.debianutils' },
  gcc: { '/usr/bin/cc': 'gcc' },
  'g++': { '/usr/bin/c++': 'g++' },
  cpp: { '/usr/lib/cpp': '../bin/cpp' },
  mawk: { '/usr/bin/awk': 'mawk' },
  flex: { '/usr/bin/lex': 'flex' },
  python3: { '/usr/bin/python': 'python3' },
}

/** Files of ours, from `tree/`, in the package that they change. */
export const EXTRA_FILES: Record<string, string[]> = {
  python3: [
    '/usr/lib/python3/dist-packages/copr-mini.pth',
    '/usr/lib/python3/dist-packages/copr_mini_layout.py',
  ],
}

/** Dependencies beyond Debian's. */
export const EXTRA_REQUIRES: Record<string, string[]> = {
  libc6: ['filesystem'],
  rpm: ['copr-mini-macros'],
  // rpm's generator of python3dist() dependencies imports it
  'python3-dev': ['python3-packaging'],
  'python3-pip': ['python3-packaging'],
}

/** Provides that can be read from no file. */
export const EXTRA_PROVIDES: Record<string, string[]> = {
  libc6: ['rtld(GNU_HASH)'],
  dash: ['/bin/sh'],
  // of the package with the command, though a smaller one has the interpreter
  python3: ['python(abi) = 3.11'],
  'perl-base': ['perl(:VERSION) = 5.36', 'perl(:WITH_ITHREADS)', 'perl(:WITH_THREADS)'],
}
