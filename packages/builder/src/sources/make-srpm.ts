import { mkdir, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { getCACertificates } from 'node:tls'
import type { FinishRequest, SourceTask } from '@copr/contract/builder-protocol'
import type { TaskContext } from '@copr/agent/handler'
import { formatBytes } from '@copr/process/format-bytes'
import { BuildFailure } from '../build-failure.ts'
import { type Build, type EngineOptions, runEngine } from '../engine.ts'
import { bindOfRepository } from '../repositories/install.ts'
import { lineFilter } from '../repositories/line-filter.ts'
import type { Repository } from '../repositories/repository.ts'
import { readTaskRepositories, type TaskRepositories } from '../repositories/task-repositories.ts'
import { giveAway, makeBuildFolders } from '../roots/build-folders.ts'
import { baseRoot, type BuildRoot, withPackages } from '../roots/build-root.ts'
import { rootOptions } from '../roots/root-options.ts'
import { type RootRun, runInRoot } from '../roots/run-in-root.ts'
import { renderMacros } from '../rpmbuild/macros.ts'
import { SRPM_SUFFIX, takePackages } from '../rpmbuild/rpmbuild.ts'
import type { SandboxExit } from '../sandbox/sandbox.ts'
import { checkSrpm } from './check-srpm.ts'
import { secretHider } from './scm/credentials.ts'

/** A source task that makes its SRPM in a buildroot. */
export type SrpmTask = SourceTask & NonNullable<SourceTask['root']>

/** Folders into which the agent puts files for a source. */
interface SourceFolders {
  /** rpmbuild's directory. */
  topdir: string
  /** Appears in the buildroot as {@link WORKDIR}. */
  workdir: string
  /** Appears in the buildroot as {@link FIXED}. */
  fixed: string
}

/** How to make an SRPM from one type of source. */
export interface Recipe {
  /** The source, as the log names it. */
  title: string
  /** Packages that the buildroot needs in addition to those of every build. */
  packages: string[]
  /** Puts files that the agent provides into the folders of the build, before any program of the build runs. */
  prepare?: (build: Build<SrpmTask>, folders: SourceFolders) => Promise<void>
  /** Leaves one SRPM in rpmbuild's folder SRPMS. Throws a BuildFailure if the source is at fault. */
  make: (work: SourceWork) => Promise<void>
}

/** The build and its buildroot, as passed to a recipe. */
export interface SourceWork {
  build: Build<SrpmTask>
  root: BuildRoot
  /** The repositories of the buildroot. */
  repositories: Repository[]
  /** Runs a command in the buildroot. Only `public` gives it network access, to the addresses that the rules allow. */
  run: (command: string[], options: RunOptions) => Promise<SandboxExit>
}

interface RunOptions {
  network: 'none' | 'public'
  /** Shown in the log instead of the command. */
  shown?: string
  cwd?: string
  env?: Record<string, string>
  /** Directories in addition to those that all commands of the source share. */
  binds?: NonNullable<RootRun['binds']>
  /** `root` has root privileges only in the buildroot, for programs that install packages there. Default: the unprivileged user. */
  as?: 'build' | 'root'
}

/** A directory in the buildroot for the files of a source, which all commands share. */
export const WORKDIR = '/workdir'
/** A directory in the buildroot that the source cannot change. */
export const FIXED = '/etc/copr'
const BUNDLE = `${FIXED}/ca-bundle.pem`
/** A chroot need not contain certificate authorities, so programs trust those that the agent trusts. */
const TRUST = {
  SSL_CERT_FILE: BUNDLE,
  CURL_CA_BUNDLE: BUNDLE,
  GIT_SSL_CAINFO: BUNDLE,
  REQUESTS_CA_BUNDLE: BUNDLE,
}

/**
 * Makes the SRPM of a source task in a buildroot of its chroot, and uploads it. Nothing in the source is evaluated outside of the sandbox.
 * The task's timeout, log limit and disk apply, as in a build of packages.
 */
export async function makeSrpm(
  task: SourceTask,
  context: TaskContext,
  options: EngineOptions,
  recipe: Recipe,
): Promise<FinishRequest> {
  if (!task.root) throw new Error(`Task ${task.task_id} names no chroot in which to make the SRPM`)
  const flat: SrpmTask = { ...task, ...task.root }
  return await runEngine(flat, context, options, (build) => runRecipe(build, recipe))
}

async function runRecipe(build: Build<SrpmTask>, recipe: Recipe): Promise<string[]> {
  const { task, dir, log } = build
  log.line(`Making a source package from ${recipe.title} in ${task.chroot.name}`)
  log.line(`Task ${task.task_id} of ${task.owner}/${task.dirname}`)
  log.line(`Timeout: ${task.timeout_seconds} seconds`)
  const [workdir, fixed] = [join(dir, 'workdir'), join(dir, 'fixed')]
  for (const path of [workdir, fixed]) await mkdir(path)
  const folders = { topdir: await makeBuildFolders(dir), workdir, fixed }
  await writeCertificates(fixed)
  await log.phase('sources', 'fetching the source', async () => recipe.prepare?.(build, folders))
  for (const path of [join(dir, 'builddir'), workdir]) await giveAway(path)
  const repositories = await readTaskRepositories(build)
  const root = await log.phase('root', 'preparing the root', () =>
    prepareRoot(build, recipe, repositories),
  )
  await writeFile(join(dir, 'builddir', '.rpmmacros'), macrosOf(task, root))
  const readable = [...repositories.taskRepositories, ...repositories.chrootRepositories]
  const work: SourceWork = {
    build,
    root,
    repositories: readable,
    run: (command, options) =>
      runCommand(build, { root, repositories: readable }, command, options),
  }
  await log.phase('srpm', 'making the source package', () => recipe.make(work))
  return [await takeSrpm(build)]
}

async function prepareRoot(
  build: Build<SrpmTask>,
  { packages }: Recipe,
  repositories: TaskRepositories,
): Promise<BuildRoot> {
  const base = await baseRoot(rootOptions(build), repositories)
  return await withPackages(rootOptions(build), base, {
    packages: [...new Set(packages)],
    requires: [],
    ...repositories,
  })
}

/** Renders the macros. %dist is empty, because one SRPM serves all distributions, and each of them evaluates the spec again. */
function macrosOf(task: SrpmTask, { dbPath }: BuildRoot): string {
  return renderMacros({ chroot: task.chroot, macros: { ...task.macros, dist: '%{nil}' } }, dbPath)
}

async function writeCertificates(fixed: string): Promise<void> {
  const pem = getCACertificates('default').join('\n')
  await writeFile(join(fixed, basename(BUNDLE)), `${pem}\n`)
}

async function runCommand(
  build: Build<SrpmTask>,
  { root, repositories }: Pick<SourceWork, 'root' | 'repositories'>,
  command: string[],
  { network, shown, cwd, env, binds = [], as = 'build' }: RunOptions,
): Promise<SandboxExit> {
  const { task, dir, limits, rules, log, signal } = build
  const hide = secretHider(task)
  if (shown === undefined) log.command(command.map(hide), 'build')
  else log.line(hide(shown), 'build')
  const filter = lineFilter(hide, (text) => log.output(text, 'build'))
  const exit = await runInRoot(command, {
    chroot: task.chroot.name,
    dir,
    limits,
    root,
    network: network === 'public' ? rules : 'none',
    binds: [
      { from: join(dir, 'workdir'), to: WORKDIR, changes: 'kept' },
      { from: join(dir, 'fixed'), to: FIXED, changes: 'forbidden' },
      ...(as === 'root' ? repositories.flatMap(bindOfRepository) : []),
      ...binds,
    ],
    env: { ...TRUST, ...env },
    as,
    ...(cwd !== undefined && { cwd }),
    onOutput: (chunk) => filter.write(chunk),
    signal,
  })
  filter.end()
  return { ...exit, output: hide(exit.output) }
}

/** Moves the build's only SRPM to where the build cannot change it, and verifies it; returns its path, which ends in its canonical name. */
async function takeSrpm({ task, dir }: Build<SrpmTask>): Promise<string> {
  const srpms = await takePackages(dir, 'SRPMS', SRPM_SUFFIX)
  const [srpm] = srpms
  if (srpm === undefined)
    throw new BuildFailure('no source package was made', { category: 'verification' })
  if (srpms.length > 1)
    throw new BuildFailure(
      `more than one source package was made: ${srpms.map((path) => basename(path)).join(', ')}`.slice(
        0,
        500,
      ),
      { category: 'verification' },
    )
  const { size } = await stat(srpm)
  const { max_srpm_bytes } = task.limits
  if (size > max_srpm_bytes)
    throw new BuildFailure(
      `the source package has ${formatBytes(size)}, the limit is ${formatBytes(max_srpm_bytes)}`,
      { category: 'resources' },
    )
  const name = await checkSrpm(srpm, basename(srpm))
  if (name !== basename(srpm))
    throw new BuildFailure(`the source package ${basename(srpm)} must be named ${name}`, {
      category: 'verification',
    })
  return srpm
}
