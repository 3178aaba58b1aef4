import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { dirname, join, relative } from 'node:path'
import type { PackageFile } from './file-tree.ts'
import { EXTRA_FILES } from './list.ts'
import { fillPlaceholders, type Release } from './release.ts'
import type { RpmPackage } from './spec.ts'

/** Files that no Debian package contains: macros, and the scripts that they run. */
const EXTRA_TREE_URL = new URL('tree/', import.meta.url)

const DIRECTORIES: Record<string, string> = {
  '/boot': '755', '/dev': '755', '/etc': '755', '/home': '755', '/media': '755', '/mnt': '755', '/opt': '755', '/proc': '755',
  '/root': '700', '/run': '755', '/srv': '755', '/sys': '755', '/tmp': '1777', '/usr': '755', '/usr/bin': '755',
  '/usr/include': '755', '/usr/lib': '755', '/usr/lib32': '755', '/usr/lib64': '755', '/usr/libexec': '755', '/usr/libx32': '755',
  '/usr/local': '755', '/usr/sbin': '755', '/usr/share': '755', '/usr/share/man': '755', '/usr/share/doc': '755',
  '/usr/share/locale': '755', '/usr/src': '755', '/var': '755', '/var/cache': '755', '/var/lib': '755', '/var/log': '755',
  '/var/spool': '755', '/var/tmp': '1777',
} // prettier-ignore

const LINKS: Record<string, string> = {
  '/bin': 'usr/bin', '/lib': 'usr/lib', '/lib32': 'usr/lib32', '/lib64': 'usr/lib64', '/libx32': 'usr/libx32', '/sbin': 'usr/sbin',
  '/etc/mtab': '../proc/self/mounts', '/etc/os-release': '../usr/lib/os-release', '/var/run': '/run', '/var/lock': '/run/lock',
} // prettier-ignore

const ACCOUNTS = [
  ['root', 0, '/root', '/bin/bash'],
  ['daemon', 1, '/usr/sbin', '/usr/sbin/nologin'],
  ['bin', 2, '/bin', '/usr/sbin/nologin'],
  ['sys', 3, '/dev', '/usr/sbin/nologin'],
  ['mail', 8, '/var/mail', '/usr/sbin/nologin'],
  ['nobody', 65534, '/nonexistent', '/usr/sbin/nologin'],
] as const
const GROUPS = ['root:0', 'daemon:1', 'bin:2', 'sys:3', 'adm:4', 'tty:5', 'disk:6', 'lp:7', 'mail:8', 'kmem:15', 'shadow:42', 'utmp:43', 'staff:50', 'users:100', 'nogroup:65534'] // prettier-ignore

/** Creates the package that all others depend on. It contains directories, the links of the merged /usr, and accounts. */
export async function makeFilesystemPackage(
  tree: string,
  generator: string,
  release: Release,
  osRelease?: string,
): Promise<RpmPackage> {
  const texts: Record<string, string> = {
    '/etc/passwd': ACCOUNTS.map(
      ([name, id, home, shell]) => `${name}:x:${id}:${id}:${name}:${home}:${shell}\n`,
    ).join(''),
    '/etc/group': GROUPS.map((group) => `${group.replace(':', ':x:')}:\n`).join(''),
    '/etc/shadow': ACCOUNTS.map(([name]) => `${name}:*:20000:0:99999:7:::\n`).join(''),
    '/etc/gshadow': GROUPS.map((group) => `${group.split(':')[0]}:*::\n`).join(''),
    '/etc/hosts': '127.0.0.1 localhost\n::1 localhost\n',
    '/etc/host.conf': 'multi on\n',
    '/etc/nsswitch.conf':
      'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\n',
    '/etc/shells': '/bin/sh\n/bin/bash\n',
    '/etc/profile': 'export PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin\n',
    '/etc/login.defs': 'UID_MIN 1000\nGID_MIN 1000\nUMASK 022\nUSERGROUPS_ENAB yes\n',
    '/etc/ld.so.conf': 'include /etc/ld.so.conf.d/*.conf\n',
    '/usr/lib/os-release': osRelease ?? (await readFile('/etc/os-release', 'utf8')),
  }
  for (const path of Object.keys(DIRECTORIES)) await mkdir(join(tree, path), { recursive: true })
  for (const [path, text] of Object.entries(texts)) await writeFile(join(tree, path), text)
  for (const [path, target] of Object.entries(LINKS))
    await linkUnlessThere(join(tree, path), target)
  return {
    ...blank(generator, release, 'filesystem', 'Directories, accounts and the merged /usr layout'),
    provides: [
      'setup',
      'basesystem',
      'system-release',
      'fedora-release',
      'base-files',
      'base-passwd',
    ],
    files: [
      ...Object.entries(DIRECTORIES).map(([path, mode]) => ({
        path,
        kind: 'directory' as const,
        mode,
      })),
      ...Object.keys(LINKS).map((path) => ({ path, kind: 'link' as const })),
      ...Object.keys(texts).map((path) => ({
        path,
        kind: 'file' as const,
        mode: path.endsWith('shadow') ? '600' : '644',
      })),
    ],
  }
}

/** Creates the package of the RPM macros that specs of the Fedora family expect. */
export async function makeMacrosPackage(
  tree: string,
  generator: string,
  release: Release,
): Promise<RpmPackage> {
  const ofOthers = new Set(Object.values(EXTRA_FILES).flat())
  const paths = (await writeExtraFiles(tree, release)).filter((path) => !ofOthers.has(path))
  return {
    ...blank(
      generator,
      release,
      'copr-mini-macros',
      'RPM macros that specs of the Fedora family count on',
    ),
    provides: [
      'redhat-rpm-config',
      'rpm-macros',
      'epel-rpm-macros',
      'systemd-rpm-macros',
      'cmake-rpm-macros',
      'perl-srpm-macros',
      'fonts-srpm-macros',
      'go-srpm-macros',
      'lua-rpm-macros',
      'lua-srpm-macros',
      'rust-srpm-macros',
      'rpmautospec-rpm-macros',
      'gpgverify',
      'web-assets-devel',
      'web-assets-filesystem',
      'java-srpm-macros',
    ].concat(['python-rpm-macros', 'python3-rpm-macros', 'python-srpm-macros', 'ldconfig-macros']),
    files: paths.map((path): PackageFile => ({ path, kind: 'file', mode: '644' })),
  }
}

/**
 * Writes the files of the source folder `tree/`, adapted to a release, below `tree`; returns their absolute paths on a machine that has
 * them installed.
 */
export async function writeExtraFiles(tree: string, release: Release): Promise<string[]> {
  const paths: string[] = []
  const from = fileURLToPath(EXTRA_TREE_URL)
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const target = join(tree, relative(from, path))
    paths.push(`/${relative(from, path)}`)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, fillPlaceholders(await readFile(path, 'utf8'), release))
  }
  return paths.toSorted()
}

/**
 * Returns the RPM release of the distribution's own packages. It contains the start of the generator's digest, because caches identify
 * packages by name, version and release.
 */
export function ownRelease(generator: string): string {
  return `1.${generator.slice(0, 8)}`
}

/** Returns a package without files. */
function blank(generator: string, { version }: Release, name: string, summary: string): RpmPackage {
  return {
    name,
    version,
    release: ownRelease(generator),
    noarch: true,
    summary,
    requires: [],
    provides: [],
    files: [],
  }
}

async function linkUnlessThere(path: string, target: string) {
  await symlink(target, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
}
