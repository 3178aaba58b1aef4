import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join, relative } from 'node:path'
import { pipSettings } from '@copr/process/pip-settings'
import { run, runOrThrow } from '@copr/process/run'
import type { DebianPackage } from './debian-packages.ts'
import type { PackageFile } from './file-tree.ts'
import type { RpmPackage } from './spec.ts'

/** An archive from the Python Package Index that is the same on every architecture: a wheel, or a source archive without C code. */
interface PythonArchive {
  project: string
  version: string
  sha256: string
  /** The directory with the modules in a source archive; undefined for a wheel. */
  modules?: string
}

/** A command that Fedora has and Debian lacks. */
export interface PythonProgram {
  /** The name of the RPM and of the command. */
  name: string
  summary: string
  /** The entry point, as `module:function`. */
  start: string
  /** The archive of the command itself, then those of the libraries that are too old in Debian. */
  archives: [PythonArchive, ...PythonArchive[]]
  requires: string[]
}

/** The spec generators for `pypi` sources, and tito, which one method of `scm` sources uses. */
export const PYTHON_PROGRAMS: PythonProgram[] = [
  {
    name: 'pyp2spec',
    summary: 'Generates spec files from packages of the Python Package Index',
    start: 'pyp2spec.pyp2spec:main',
    archives: [
      {
        project: 'pyp2spec',
        version: '0.16.0',
        sha256: 'db598d5e2f43fb5e3f96e0a4e09818cdbe24c9c9e3ff5d4da473e91bc8b18bc0',
      },
      {
        project: 'packaging',
        version: '25.0',
        sha256: '29572ef2b1f17581046b3a2227d5c611fb25ec70ca1ba8554b24b0e69331a484',
      },
    ],
    requires: [
      'python3',
      'python3-click',
      'python3-jinja2',
      'python3-license-expression',
      'python3-requests',
      'python3-tomli-w',
    ],
  },
  {
    name: 'pyp2rpm',
    summary: 'Generates source packages from packages of the Python Package Index',
    start: 'pyp2rpm.bin:main',
    archives: [
      {
        project: 'pyp2rpm',
        version: '3.3.10',
        sha256: 'cd7bdced5c963f1fbc072257da4068000c6b370edd46778c87e93fb786fbae41',
      },
    ],
    requires: ['python3', 'python3-click', 'python3-jinja2', 'python3-setuptools'],
  },
  {
    name: 'tito',
    summary: 'Builds packages from tags of git repositories',
    start: 'tito.cli:main',
    archives: [
      {
        project: 'tito',
        version: '0.6.26',
        sha256: '8fe22de27eb366b4c5de31b32e405cf32ed967ab3274ccb5aea9fbfaf628c5c6',
        modules: 'src',
      },
    ],
    requires: [
      'python3',
      'python3-blessed',
      'python3-rpm',
      'python3-setuptools',
      'git-core',
      'rpm-build',
      'tar',
      'gzip',
    ],
  },
]

function fileNameOf({ project, version, modules }: PythonArchive): string {
  return modules === undefined
    ? `${project}-${version}-py3-none-any.whl`
    : `${project}-${version}.tar.gz`
}

interface ToolOptions {
  cacheDir: string
  /** The packages of the mini distribution. */
  packages: ReadonlyMap<string, DebianPackage>
}

/** The Debian packages of pip and of the modules that pip needs to read source archives. */
const PIP_PACKAGES = ['python3-pip', 'python3-setuptools', 'python3-pkg-resources', 'python3-wheel']
/** Debian's Python by its full path, because another one may come first in PATH. */
const PYTHON = '/usr/bin/python3'

/**
 * Downloads the archives of the given commands with pip, unless they are in `cacheDir`; returns the commands whose archives are available.
 * A machine without pip uses the pip of Debian's packages.
 */
export async function downloadPrograms(
  programs: PythonProgram[],
  { cacheDir, packages, signal }: ToolOptions & { signal?: AbortSignal },
): Promise<PythonProgram[]> {
  const wheels = join(cacheDir, 'wheels')
  await mkdir(wheels, { recursive: true })
  const options = signal === undefined ? {} : { signal }
  const there: PythonProgram[] = []
  for (const program of programs) {
    let isThere = await hasAll(wheels, program)
    if (!isThere) {
      const list = join(wheels, `${program.name}.txt`)
      await writeFile(list, program.archives.map(requirementOf).join(''))
      const env = { ...pipSettings(), ...(await pathOfPip({ cacheDir, packages }, signal)) }
      const isSource = program.archives.some(({ modules }) => modules !== undefined)
      // pip runs the setup.py of a source archive to get its version; that must not download anything.
      const kind = isSource
        ? ['--no-binary', ':all:', '--no-build-isolation']
        : ['--only-binary', ':all:']
      const args = ['--no-deps', '--require-hashes', ...kind, '--dest', wheels]
      const command = ['-m', 'pip', 'download', '--quiet', ...args, '--requirement', list]
      const { ok } = await run(PYTHON, command, { env, timeout_ms: 120_000, ...options })
      isThere = ok && (await hasAll(wheels, program))
    }
    if (isThere) there.push(program)
  }
  signal?.throwIfAborted()
  return there
}

function requirementOf({ project, version, sha256 }: PythonArchive): string {
  return `${project}==${version} --hash=sha256:${sha256}\n`
}

async function hasAll(dir: string, { archives }: PythonProgram): Promise<boolean> {
  for (const archive of archives) {
    const bytes = await readFile(join(dir, fileNameOf(archive))).catch(() => undefined)
    if (!bytes || createHash('sha256').update(bytes).digest('hex') !== archive.sha256) return false
  }
  return true
}

/**
 * Returns the environment variable with which Python finds the unpacked pip of Debian's packages; empty if they are installed on this
 * machine.
 */
async function pathOfPip(
  { cacheDir, packages }: ToolOptions,
  signal?: AbortSignal,
): Promise<Record<string, string>> {
  const archives = PIP_PACKAGES.flatMap((name) => packages.get(name)?.archive ?? [])
  if (archives.length === 0) return {}
  const dir = join(cacheDir, 'pip')
  await rm(dir, { recursive: true, force: true })
  for (const archive of archives)
    await runOrThrow('dpkg-deb', ['-x', archive, dir], signal && { signal })
  return { PYTHONPATH: join(dir, 'usr/lib/python3/dist-packages') }
}

/** Unpacks the archives of a command into its own directory in `tree` and adds a script that runs it; returns its RPM. */
export async function makeProgramPackage(
  program: PythonProgram,
  { tree, cacheDir, release }: { tree: string; cacheDir: string; release: string },
): Promise<RpmPackage> {
  const { name, summary, start, archives, requires } = program
  const home = `/usr/share/${name}`
  await mkdir(join(tree, home), { recursive: true })
  for (const archive of archives) await unpack(archive, cacheDir, join(tree, home))
  const command = `/usr/bin/${name}`
  const [module, call] = start.split(':')
  await writeFile(
    join(tree, command),
    `#!/usr/bin/python3\nimport sys\nsys.path.insert(0, '${home}')\nfrom ${module} import ${call}\n${call}()\n`,
  )
  await chmod(join(tree, command), 0o755)
  return {
    name,
    version: archives[0].version,
    release,
    noarch: true,
    summary,
    requires,
    provides: [],
    files: [
      { path: home, kind: 'directory', mode: '755' },
      ...(await filesBelow(tree, home)),
      { path: command, kind: 'file', mode: '755' },
    ],
  }
}

async function unpack(archive: PythonArchive, cacheDir: string, target: string): Promise<void> {
  const file = join(cacheDir, 'wheels', fileNameOf(archive))
  if (archive.modules === undefined)
    return void (await runOrThrow('python3', ['-m', 'zipfile', '-e', file, target]))
  const folder = `${archive.project}-${archive.version}/${archive.modules}`
  const depth = folder.split('/').length
  const args = [
    '-xzf',
    file,
    '-C',
    target,
    `--strip-components=${depth}`,
    '--no-same-owner',
    folder,
  ]
  await runOrThrow('tar', args)
}

async function filesBelow(tree: string, dir: string): Promise<PackageFile[]> {
  const entries = await readdir(join(tree, dir), { recursive: true, withFileTypes: true })
  return entries
    .map((entry): PackageFile => {
      const path = `/${relative(tree, join(entry.parentPath, entry.name))}`
      return entry.isDirectory()
        ? { path, kind: 'directory', mode: '755' }
        : { path, kind: 'file', mode: '644' }
    })
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
}
