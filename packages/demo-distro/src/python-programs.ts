import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join, relative } from 'node:path'
import { pipSettings } from '@copr/process/pip-settings'
import { run, runOrThrow } from '@copr/process/run'
import type { DebianPackage } from './debian-packages.ts'
import type { PackageFile } from './file-tree.ts'
import type { RpmPackage } from './spec.ts'

/** A wheel from the Python Package Index, which is the same on every architecture. */
interface Wheel {
  project: string
  version: string
  sha256: string
}

/** A program that Fedora has and Debian lacks. */
export interface PythonProgram {
  /** The name of the RPM and of the command. */
  name: string
  summary: string
  /** The function that runs it, as `module:function`. */
  start: string
  /** The program itself, and those of its libraries that Debian has in a version that is too old. */
  wheels: [Wheel, ...Wheel[]]
  requires: string[]
}

/** The generators of spec files for sources of type `pypi`. */
export const PYTHON_PROGRAMS: PythonProgram[] = [
  {
    name: 'pyp2spec',
    summary: 'Generates spec files from packages of the Python Package Index',
    start: 'pyp2spec.pyp2spec:main',
    wheels: [
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
    wheels: [
      {
        project: 'pyp2rpm',
        version: '3.3.10',
        sha256: 'cd7bdced5c963f1fbc072257da4068000c6b370edd46778c87e93fb786fbae41',
      },
    ],
    requires: ['python3', 'python3-click', 'python3-jinja2', 'python3-setuptools'],
  },
]

function fileNameOf({ project, version }: Wheel): string {
  return `${project}-${version}-py3-none-any.whl`
}

/**
 * Downloads the wheels of the programs with pip, unless `cacheDir` has them; returns the programs that could be downloaded.
 * A machine without pip uses that of Debian's package.
 */
export async function downloadPrograms(
  programs: PythonProgram[],
  { cacheDir, pip, signal }: { cacheDir: string; pip?: DebianPackage; signal?: AbortSignal },
): Promise<PythonProgram[]> {
  const wheels = join(cacheDir, 'wheels')
  await mkdir(wheels, { recursive: true })
  const options = signal === undefined ? {} : { signal }
  const there: PythonProgram[] = []
  for (const program of programs) {
    let isThere = await hasAll(wheels, program)
    if (!isThere) {
      const list = join(wheels, `${program.name}.txt`)
      await writeFile(list, program.wheels.map(requirementOf).join(''))
      const env = { ...pipSettings(), ...(await pathOfPip(cacheDir, pip, signal)) }
      const args = ['--no-deps', '--require-hashes', '--only-binary', ':all:', '--dest', wheels]
      const command = ['-m', 'pip', 'download', '--quiet', ...args, '--requirement', list]
      const { ok } = await run('python3', command, { env, timeout_ms: 120_000, ...options })
      isThere = ok && (await hasAll(wheels, program))
    }
    if (isThere) there.push(program)
  }
  signal?.throwIfAborted()
  return there
}

function requirementOf({ project, version, sha256 }: Wheel): string {
  return `${project}==${version} --hash=sha256:${sha256}\n`
}

async function hasAll(dir: string, { wheels }: PythonProgram): Promise<boolean> {
  for (const wheel of wheels) {
    const bytes = await readFile(join(dir, fileNameOf(wheel))).catch(() => undefined)
    if (!bytes || createHash('sha256').update(bytes).digest('hex') !== wheel.sha256) return false
  }
  return true
}

/** Returns the variable with which Python finds the pip of Debian's package; none if this machine has a pip. */
async function pathOfPip(
  cacheDir: string,
  pip: DebianPackage | undefined,
  signal?: AbortSignal,
): Promise<Record<string, string>> {
  if (pip?.archive === undefined) return {}
  const dir = join(cacheDir, 'pip')
  await rm(dir, { recursive: true, force: true })
  await runOrThrow('dpkg-deb', ['-x', pip.archive, dir], signal && { signal })
  return { PYTHONPATH: join(dir, 'usr/lib/python3/dist-packages') }
}

/** Unpacks the wheels of a program into a folder of its own in `tree`, with a command that runs it; returns its RPM. */
export async function makeProgramPackage(
  program: PythonProgram,
  { tree, cacheDir, release }: { tree: string; cacheDir: string; release: string },
): Promise<RpmPackage> {
  const { name, summary, start, wheels, requires } = program
  const home = `/usr/share/${name}`
  for (const wheel of wheels) {
    const file = join(cacheDir, 'wheels', fileNameOf(wheel))
    await runOrThrow('python3', ['-m', 'zipfile', '-e', file, join(tree, home)])
  }
  const command = `/usr/bin/${name}`
  const [module, call] = start.split(':')
  await writeFile(
    join(tree, command),
    `#!/usr/bin/python3\nimport sys\nsys.path.insert(0, '${home}')\nfrom ${module} import ${call}\n${call}()\n`,
  )
  await chmod(join(tree, command), 0o755)
  return {
    name,
    version: wheels[0].version,
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
