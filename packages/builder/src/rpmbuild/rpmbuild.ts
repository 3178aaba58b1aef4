import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RpmTask } from '@copr/contract/builder-protocol'
import type { AddressRules } from '@copr/process/guarded/address-rules'
import { RpmFormatError } from '@copr/rpm/errors'
import { listFiles } from '@copr/rpm/file-list'
import { readRpmHeader } from '@copr/rpm/header'
import { sourceNameFault } from '@copr/rpm/source-name'
import { FILE_FLAG } from '@copr/rpm/tags'
import {
  formatDependency,
  packageInfo,
  type PackageInfo,
  type Requirement,
} from '@copr/rpm/package-info'
import { type Scriptlet, scriptletsOf } from '@copr/rpm/scriptlets'
import { BuildFailure } from '../build-failure.ts'
import type { BuildLog } from '../build-log.ts'
import { chrootParts } from '../repositories/repository.ts'
import { TOPDIR } from '../roots/build-folders.ts'
import type { BuildRoot } from '../roots/build-root.ts'
import { firstError } from './build-error.ts'
import type { SandboxLimits } from '../sandbox/limits.ts'
import { runInRoot } from '../roots/run-in-root.ts'
import type { SandboxExit } from '../sandbox/sandbox.ts'
import { takeFiles } from '../sandbox/take-files.ts'

export interface RpmbuildOptions {
  task: RpmTask
  /** The build's own directory; its subdirectory `builddir` is `/builddir` in the buildroot. */
  dir: string
  limits: SandboxLimits
  root: BuildRoot
  spec: string
  /** Names of files that the spec declares as `NoSource` and that the build's sources lack; readBuildRequires() adds them. */
  absent: Set<string>
  /** Addresses that a build with network access may reach. */
  rules: AddressRules
  log: BuildLog
  signal: AbortSignal
}

/** Exit code of `rpmbuild -br` when generated BuildRequires are missing. */
const MISSING_BUILD_REQUIRES = 11

/** The feature that an SRPM requires if its spec has %generate_buildrequires. */
const DYNAMIC_FEATURE = 'rpmlib(DynamicBuildRequires)'

/** Folder of the source files, as a build sees it. */
const SOURCES = `${TOPDIR}/SOURCES/`

/** Suffix of every SRPM's name, including `.nosrc.rpm`, which rpm uses if sources are left out. */
export const SRPM_SUFFIX = 'src.rpm'

/** Directory of the packages that were taken from the build, inside the build's own directory. */
const PACKAGES = 'packages'

/** `bs` makes the SRPM, `br` runs %prep and generates BuildRequires, `ba` makes the packages and the SRPM, `bb` only the packages. */
export type RpmbuildMode = 'bs' | 'br' | 'ba' | 'bb'

/** Runs rpmbuild as the unprivileged user and logs its output as it arrives. */
export async function rpmbuild(
  mode: RpmbuildMode,
  options: RpmbuildOptions,
  more: string[] = [],
): Promise<SandboxExit> {
  const { task, spec } = options
  const { arch } = chrootParts(task.chroot.name)
  // --nodeps, because dnf has already installed the requirements, and the buildroot's rpm may be unable to read the database that the
  // host's rpm has written.
  const command = [
    'rpmbuild',
    `-${mode}`,
    '--nodeps',
    '--target',
    arch,
    ...more,
    ...conditionsOf(task),
    `/builddir/build/SPECS/${spec}`,
  ]
  return await runAsBuild(arch === 'i686' ? ['setarch', 'i686', ...command] : command, options)
}

/** Returns the build conditions of a task as arguments of rpm's tools. */
export function conditionsOf({ with_opts, without_opts }: RpmTask): string[] {
  return [
    ...with_opts.flatMap((name) => ['--with', name]),
    ...without_opts.flatMap((name) => ['--without', name]),
  ]
}

/** Runs a command in the buildroot as the unprivileged user, and logs its output as it arrives. */
async function runAsBuild(command: string[], options: RpmbuildOptions): Promise<SandboxExit> {
  const { task, rules, log } = options
  log.command(command, 'build')
  return await runInRoot(command, {
    ...options,
    chroot: task.chroot.name,
    network: task.enable_net ? rules : 'none',
    onOutput: (chunk) => log.output(chunk, 'build'),
  })
}

export interface StaticBuildRequires {
  requires: Requirement[]
  /** Whether the spec generates more BuildRequires. */
  is_dynamic: boolean
}

/** Returns what the spec requires. To find out, makes an SRPM with the buildroot's macros, reads its requirements and deletes it. */
export async function readBuildRequires(options: RpmbuildOptions): Promise<StaticBuildRequires> {
  const { dir, absent } = options
  // The SRPM is not compressed, because compressing large sources would take longer than everything else.
  const more = ['--define', '_source_payload w.ufdio']
  const exit = await rpmbuild('bs', options, more)
  const missing = exit.code === 0 || exit.exhausted ? [] : missingSources(exit.output)
  if (exit.code !== 0 && missing.length === 0) throw srpmFailure(exit)
  for (const name of missing) absent.add(name)
  if (missing.length > 0) await makeNosrc(options, more)
  const [srpm] = await takePackages(dir, 'SRPMS', SRPM_SUFFIX)
  if (srpm === undefined)
    throw new BuildFailure('rpmbuild -bs produced no SRPM', { category: 'verification' })
  const { requires } = await readPackage(srpm)
  const ghosts = missing.length === 0 ? new Set() : await ghostsOf(srpm)
  await rm(srpm)
  const lacking = missing.filter((name) => !ghosts.has(name))
  if (lacking.length > 0)
    throw new BuildFailure(`cannot create the SRPM: its sources lack ${lacking.join(', ')}`, {
      category: 'prep',
      hint: 'The source package does not contain these files: add them, or correct Source and Patch in the spec.',
    })
  return {
    requires: withoutFeatures(requires),
    is_dynamic: requires.some(({ name }) => name === DYNAMIC_FEATURE),
  }
}

/**
 * Makes the SRPM of a spec whose `NoSource` files are absent. rpmbuild leaves these files out of the SRPM, but reads them, so empty files
 * take their place. These are removed afterwards, because %prep and %build may check whether the files exist.
 */
export async function makeNosrc(options: RpmbuildOptions, more: string[] = []): Promise<void> {
  const paths = [...options.absent].map((name) => SOURCES + name)
  const touched = await runAsBuild(['touch', '--', ...paths], options)
  const exit = touched.code === 0 ? await rpmbuild('bs', options, more) : touched
  await runAsBuild(['rm', '-f', '--', ...paths], options)
  if (exit.code !== 0) throw srpmFailure(exit)
}

function srpmFailure(exit: SandboxExit): BuildFailure {
  const words = 'cannot create the SRPM: rpmbuild -bs exited with code'
  return rpmbuildFailure(words, exit, firstError(exit.output))
}

/** Returns the names of the source files that rpmbuild did not find in its source folder. */
export function missingSources(output: string, folder = SOURCES): string[] {
  const paths = [...output.matchAll(/^error: Bad file: (.*): No such file or directory$/gm)]
    .map(([, path = '']) => path)
    .filter((path) => path.startsWith(folder))
  const names = [...new Set(paths.map((path) => path.slice(folder.length)))]
  return names.every((name) => sourceNameFault(name) === undefined) ? names : []
}

/** Returns the names of the files that an SRPM lists but does not contain. */
async function ghostsOf(srpm: string): Promise<Set<string>> {
  const { header } = await readRpmHeader(srpm)
  const ghosts = listFiles(header).filter(({ flags }) => (flags & FILE_FLAG.GHOST) !== 0)
  return new Set(ghosts.map(({ path }) => path))
}

/** Runs %generate_buildrequires; returns the generated requirements, some of which may already be installed. */
export async function generateBuildRequires(options: RpmbuildOptions): Promise<Requirement[]> {
  const exit = await rpmbuild('br', options)
  if (exit.code !== 0 && exit.code !== MISSING_BUILD_REQUIRES)
    throw rpmbuildFailure('cannot generate BuildRequires: rpmbuild -br exited with code', exit)
  const generated: Requirement[] = []
  for (const file of await takePackages(options.dir, 'SRPMS', '.buildreqs.nosrc.rpm')) {
    generated.push(...(await requirementsOf(file)))
    await rm(file)
  }
  return generated
}

/** Returns the BuildFailure for an rpmbuild that has exited with an error or reached a limit. */
export function rpmbuildFailure(
  words: string,
  { code, exhausted }: SandboxExit,
  reason = '',
): BuildFailure {
  const limit = exhausted === undefined ? '' : ` because ${exhausted}`
  return new BuildFailure(`${words} ${code}${limit}${reason}`, exhausted ? { exhausted } : {})
}

/** Returns the requirements that are not among `known`, each once. */
export function newRequirements(found: Requirement[], known: Requirement[]): Requirement[] {
  const old = new Set(known.map(formatDependency))
  return [...new Map(found.map((one) => [formatDependency(one), one])).entries()]
    .filter(([text]) => !old.has(text))
    .map(([, one]) => one)
}

/** Returns the BuildRequires of an SRPM; throws a BuildFailure if it is not an RPM. */
export async function requirementsOf(srpm: string): Promise<Requirement[]> {
  const { requires } = await readPackage(srpm)
  return withoutFeatures(requires)
}

function withoutFeatures(requires: PackageInfo['requires']): Requirement[] {
  return requires
    .filter(({ name }) => !name.startsWith('rpmlib('))
    .map(({ name, comparison, version }) => ({ name, comparison, version }))
}

/** Reads a package that a build has made; throws a BuildFailure if the file is not a package. */
export async function readPackage(
  path: string,
): Promise<PackageInfo & { scriptlets: Scriptlet[] }> {
  try {
    const rpm = await readRpmHeader(path)
    return { ...packageInfo(rpm), scriptlets: scriptletsOf(rpm.header) }
  } catch (error) {
    if (!(error instanceof RpmFormatError)) throw error
    throw new BuildFailure(`the build left a file that is not an RPM: ${error.message}`, {
      category: 'verification',
    })
  }
}

/**
 * Moves the packages that the build has left in a folder of its topdir to a place where the build cannot change them; returns their paths.
 */
export async function takePackages(
  dir: string,
  folder: 'RPMS' | 'SRPMS',
  suffix: string,
): Promise<string[]> {
  return await takeFiles(
    { root: dir, folder: `builddir/build/${folder}` },
    suffix,
    join(dir, PACKAGES),
  )
}
