import { chmod, lstat, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runOrThrow } from '@copr/process/run'
import { toolOutput, type DebianPackage } from './debian-packages.ts'

export interface PackageFile {
  /** Absolute path after the merge of /bin, /lib and the like into /usr. */
  path: string
  kind: 'file' | 'directory' | 'link'
  /** Octal; default: the mode of the file on disk. */
  mode?: string
}

export interface PackageFiles {
  files: PackageFile[]
  /** Debian's paths, under /bin and /sbin, of files that are now under /usr. */
  oldPaths: string[]
}

const MERGED = /^\/(bin|sbin|lib|lib32|lib64|libx32)(?=\/|$)/

/** Paths that builds never read. Without these files, a buildroot is ready sooner. */
const LEFT_OUT = [
  /^\/usr\/share\/(doc|doc-base|man|info|locale|lintian|bug|menu|pixmaps|icons|applications|gitweb|metainfo|readline)(\/|$)/,
  /^\/usr\/share\/(bash-completion|zsh|fish|emacs|vim|reportbug|gdb|cmake-[\d.]+\/Help|perl5\/Debian)(\/|$)/,
  /^\/usr\/lib\/(systemd|tmpfiles\.d|sysusers\.d|udev|modprobe\.d|mime|valgrind|debug)(\/|$)/,
  /^\/etc\/(cron\.\w+|init\.d|logrotate\.d|apt|dpkg|bash_completion\.d|default|dbus-1|update-motd\.d|init)(\/|$)/,
  /^\/usr\/lib\/python3\.\d+\/(EXTERNALLY-MANAGED$|test\/|idlelib\/|turtledemo\/)/,
  // large files that no build needs
  /^\/usr\/lib\/[^/]+\/lib(icu\w+|crypto|ssl|xml2|sqlite3)\.a$|\/config-3[^/]*\/.*\.a$|lto-dump|\/unicore\/lib\/.*\.html$/,
  /\/__pycache__(\/|$)|(?<!\/pod\/perldiag)\.pod$/,
  /^\/(dev|proc|sys|run|tmp)(\/|$)/,
  // Debian's link to dash; the bash package of the mini distribution has its own link
  /^\/usr\/bin\/sh$/,
]

export function isLeftOut(path: string): boolean {
  return LEFT_OUT.some((pattern) => pattern.test(path))
}

export function mergedPath(path: string): string {
  return path.replace(MERGED, '/usr/$1')
}

/** Creates the empty tree into which all packages are unpacked. */
export async function makeTree(tree: string): Promise<void> {
  for (const name of ['bin', 'sbin', 'lib', 'lib64', 'lib32', 'libx32']) {
    await mkdir(join(tree, 'usr', name), { recursive: true })
    await symlink(`usr/${name}`, join(tree, name))
  }
}

/** Copies the files of installed packages, and of downloaded archives, into `tree`. */
export async function fillTree(packages: DebianPackage[], tree: string, signal?: AbortSignal) {
  const lists = new Map<string, string[]>()
  const installed = packages.filter((one) => one.archive === undefined)
  await installedFileLists(installed, lists, signal)
  const paths = [...lists.values()].flat().filter((path) => !isLeftOut(mergedPath(path)))
  const there = await Promise.all(
    paths.map(async (path) => ((await kindOf(path)) ? path : undefined)),
  )
  const wanted = there.filter((path) => path !== undefined).map((path) => `.${mergedPath(path)}`)
  const listFile = `${tree}.files`
  await writeFile(listFile, [...new Set(wanted)].join('\0'))
  const options = signal === undefined ? {} : { signal }
  await bash(
    'tar -C / --null --no-recursion -T "$1" -cf - | tar -C "$2" -xf - --keep-directory-symlink',
    [listFile, tree],
    options,
  )
  for (const { name, archive } of packages) {
    if (archive === undefined) continue
    const unpack = 'dpkg-deb --fsys-tarfile "$1" | tar -C "$2" -xvf - --keep-directory-symlink'
    const listing = await toolOutput(
      'bash',
      ['-o', 'pipefail', '-c', unpack, 'bash', archive, tree],
      signal,
    )
    lists.set(
      name,
      listing
        .split('\n')
        .map((line) => line.replace(/^\.?\//, '/').replace(/\/$/, ''))
        .filter((path) => path !== ''),
    )
  }
  return lists
}

async function bash(script: string, args: string[], options: { signal?: AbortSignal }) {
  await runOrThrow('bash', ['-o', 'pipefail', '-c', script, 'bash', ...args], options)
}

async function installedFileLists(
  packages: DebianPackage[],
  lists: Map<string, string[]>,
  signal?: AbortSignal,
) {
  if (packages.length === 0) return
  const text = await toolOutput('dpkg-query', ['-L', ...packages.map((one) => one.name)], signal)
  // one paragraph for each package, in the order of the arguments
  for (const [index, paragraph] of text.split('\n\n').entries()) {
    const one = packages[index]
    if (one !== undefined)
      lists.set(
        one.name,
        paragraph.split('\n').filter((line) => line.startsWith('/')),
      )
  }
}

/** Selects the files of a package for its RPM, and clears special permission bits. */
export async function packageFiles(
  list: string[],
  tree: string,
  owned: Set<string>,
): Promise<PackageFiles> {
  const paths = [...new Set(list.map(mergedPath))]
    .filter((path) => path !== '/.' && !isLeftOut(path))
    .toSorted()
  const files: PackageFile[] = []
  for (const [index, path] of paths.entries()) {
    const kind = await kindOf(join(tree, path))
    if (kind === undefined || owned.has(path)) continue
    // The directory need not be listed: it is created when the files in it are installed.
    if (kind === 'directory' && paths[index + 1]?.startsWith(`${path}/`)) continue
    if (kind === 'file') await dropSpecialBits(join(tree, path))
    if (kind !== 'directory') owned.add(path)
    files.push({ path, kind })
  }
  return { files, oldPaths: list.filter((path) => /^\/s?bin\/./.test(path)) }
}

async function kindOf(path: string): Promise<PackageFile['kind'] | undefined> {
  const stat = await lstat(path).catch(() => undefined)
  if (stat?.isSymbolicLink()) return 'link'
  if (stat?.isDirectory()) return 'directory'
  return stat?.isFile() ? 'file' : undefined
}

/**
 * Clears the set-user-ID, set-group-ID and sticky bits, which a buildroot never needs: builds are unprivileged, and everything else already
 * runs as root.
 */
async function dropSpecialBits(path: string) {
  const { mode } = await lstat(path)
  if ((mode & 0o7000) !== 0) await chmod(path, mode & 0o777)
}

/** Adds a link that no package contains, or that replaces a link that was left out; returns it as a file of the package. */
export async function addLink(tree: string, path: string, target: string): Promise<PackageFile> {
  await mkdir(dirname(join(tree, path)), { recursive: true })
  await rm(join(tree, path), { force: true })
  await symlink(target, join(tree, path))
  return { path, kind: 'link' }
}
