import { mkdir, readdir, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RpmTask } from '@copr/contract/builder-protocol'
import { formatDependency, readPackageInfo, type Requirement } from '@copr/rpm/package-info'
import { BuildFailure } from '../build-failure.ts'
import type { BuildLog } from '../build-log.ts'
import { chrootParts } from '../repositories/repository.ts'
import type { BuildRoot } from '../roots/build-root.ts'
import { runSandboxed } from '../sandbox/sandbox.ts'

export interface RpmbuildOptions {
  task: RpmTask
  /** The build's own directory; its subdirectory `builddir` is `/builddir` in the root. */
  dir: string
  root: BuildRoot
  spec: string
  log: BuildLog
  signal: AbortSignal
}

/** Exit code of `rpmbuild -br` when generated BuildRequires are missing. */
const MISSING_BUILD_REQUIRES = 11

/** `bs` makes the SRPM, `br` runs %prep and generates BuildRequires, `bb` makes the packages, `ba` the packages and the SRPM. */
export type RpmbuildMode = 'bs' | 'br' | 'bb' | 'ba'

/** Runs rpmbuild as the unprivileged user and logs its output as it arrives. Returns the exit code. */
export async function rpmbuild(mode: RpmbuildMode, options: RpmbuildOptions): Promise<number> {
  const { task, dir, root, spec, log, signal } = options
  const { arch } = chrootParts(task.chroot.name)
  const conditions = [
    ...task.with_opts.flatMap((name) => ['--with', name]),
    ...task.without_opts.flatMap((name) => ['--without', name]),
  ]
  // dnf has installed the requirements; the root's rpm may be unable to read the database that the host's rpm wrote.
  const command = [
    'rpmbuild',
    `-${mode}`,
    '--nodeps',
    '--target',
    arch,
    ...conditions,
    `/builddir/build/SPECS/${spec}`,
  ]
  const changes = join(dir, 'changes')
  await rm(changes, { recursive: true, force: true })
  await mkdir(changes)
  log.command(command, 'build')
  const { code } = await runSandboxed({
    dir,
    root: { layers: root.layers, changes },
    as: 'build',
    command: arch === 'i686' ? ['setarch', 'i686', ...command] : command,
    cwd: '/builddir',
    env: {
      HOME: '/builddir',
      USER: 'mockbuild',
      LOGNAME: 'mockbuild',
      SHELL: '/bin/sh',
      LANG: 'C.UTF-8',
      TERM: 'vt100',
      HOSTNAME: 'builder',
      PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
    },
    network: task.enable_net,
    binds: [
      { from: join(dir, 'builddir'), to: 'mnt/builddir', changes: 'kept' },
      { from: join(dir, 'tmp'), to: 'mnt/tmp', changes: 'kept' },
      { from: join(dir, 'var-tmp'), to: 'mnt/var-tmp', changes: 'kept' },
    ],
    onOutput: (chunk) => log.output(chunk, 'build'),
    signal,
  })
  await rm(changes, { recursive: true, force: true })
  return code
}

/** Makes the SRPM with the root's macros, in place of an earlier one; returns its BuildRequires. */
export async function makeSrpm(options: RpmbuildOptions): Promise<Requirement[]> {
  for (const earlier of await rpmsIn(options.dir, 'SRPMS', '.src.rpm')) await rm(earlier)
  const code = await rpmbuild('bs', options)
  if (code !== 0)
    throw new BuildFailure(`cannot create the SRPM: rpmbuild -bs exited with code ${code}`)
  const [srpm] = await rpmsIn(options.dir, 'SRPMS', '.src.rpm')
  if (srpm === undefined) throw new BuildFailure('rpmbuild -bs produced no SRPM')
  return await requirementsOf(srpm)
}

/** Runs %generate_buildrequires; returns the generated requirements, which may be installed already. */
export async function generateBuildRequires(options: RpmbuildOptions): Promise<Requirement[]> {
  const code = await rpmbuild('br', options)
  if (code !== 0 && code !== MISSING_BUILD_REQUIRES)
    throw new BuildFailure(`cannot generate BuildRequires: rpmbuild -br exited with code ${code}`)
  const generated: Requirement[] = []
  for (const file of await rpmsIn(options.dir, 'SRPMS', '.buildreqs.nosrc.rpm')) {
    generated.push(...(await requirementsOf(file)))
    await rm(file)
  }
  return generated
}

/** Returns the requirements that are not among `known`, each once. */
export function newRequirements(found: Requirement[], known: Requirement[]): Requirement[] {
  const old = new Set(known.map(formatDependency))
  return [...new Map(found.map((one) => [formatDependency(one), one])).entries()]
    .filter(([text]) => !old.has(text))
    .map(([, one]) => one)
}

async function requirementsOf(srpm: string): Promise<Requirement[]> {
  const { requires } = await readPackageInfo(srpm)
  return requires
    .filter(({ name }) => !name.startsWith('rpmlib('))
    .map(({ name, comparison, version }) => ({ name, comparison, version }))
}

/** Returns the files that the build left in a folder of its topdir; only regular files, as links could point elsewhere. */
export async function rpmsIn(
  dir: string,
  folder: 'RPMS' | 'SRPMS',
  suffix: string,
): Promise<string[]> {
  const path = join(dir, 'builddir', 'build', folder)
  if ((await realpath(path)) !== join(await realpath(dir), 'builddir', 'build', folder))
    throw new BuildFailure(`the build replaced its ${folder} folder with a link`)
  const entries = await readdir(path, { withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => join(path, entry.name))
    .toSorted()
}
