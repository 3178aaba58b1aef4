import {
  chmod,
  chown,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import type { FinishRequest, RpmTask } from '@copr/contract/builder-protocol'
import type { TaskContext } from '@copr/process/agent/handler'
import { MachineFault } from '@copr/process/agent/machine-fault'
import { messageOf } from '@copr/process/errors'
import { BuildFailure } from './build-failure.ts'
import { BuildLog } from './build-log.ts'
import { readRepository, type Repository } from './repositories/repository.ts'
import { collectResults, describeMachine, packLogs, uploadAll } from './results.ts'
import { baseRoot, type BuildRoot, withPackages } from './roots/build-root.ts'
import { renderMacros } from './rpmbuild/macros.ts'
import {
  generateBuildRequires,
  makeSrpm,
  rpmbuild,
  type RpmbuildOptions,
} from './rpmbuild/rpmbuild.ts'
import { BUILD_UID } from './sandbox/sandbox.ts'
import { gaugesOf, MachineWatch } from './machine-watch.ts'
import { removeTree } from './remove-tree.ts'
import { fetchSources } from './sources/fetch-sources.ts'

export interface EngineOptions {
  /** Each build gets a directory of its own in it; on the same disk as `cache_dir`. */
  builds_dir: string
  /** Roots, packages and repository data kept between builds; several builders may share it. */
  cache_dir: string
}

const MAX_GENERATE_ROUNDS = 10
/** dist-git's repository of a project is ours, as is what the chroot is made of. */
const OWN_REPOSITORY = /^copr_(base|base_devel|coprdir)$/

interface Build {
  task: RpmTask
  context: TaskContext
  dir: string
  cacheDir: string
  log: BuildLog
  /** Aborts when canceled, too slow or too loud. */
  signal: AbortSignal
  watch: MachineWatch
  hold: AsyncDisposableStack
  /** Result files known so far, by path. */
  found: Set<string>
}

/** Builds an RPM task in a root of its own; throws when the fault is the machine's or the installation's. */
export async function buildNatively(
  task: RpmTask,
  context: TaskContext,
  options: EngineOptions,
): Promise<FinishRequest> {
  await mkdir(options.builds_dir, { recursive: true })
  await mkdir(options.cache_dir, { recursive: true })
  const dir = await mkdtemp(join(options.builds_dir, 'build-'))
  const limit = new AbortController()
  const timer = setTimeout(
    () =>
      limit.abort(
        new BuildFailure(
          `the build took longer than its timeout of ${task.timeout_seconds} seconds`,
        ),
      ),
    task.timeout_seconds * 1000,
  )
  const max_bytes = task.limits.max_log_bytes
  const onTooLong = (): void =>
    limit.abort(new BuildFailure(`the build's output is longer than ${max_bytes} bytes`))
  const log = new BuildLog({ context, dir, max_bytes, onTooLong })
  const hold = new AsyncDisposableStack()
  using watch = new MachineWatch(gaugesOf(dir))
  const signal = AbortSignal.any([context.signal, limit.signal])
  const build: Build = {
    task,
    context,
    dir,
    cacheDir: options.cache_dir,
    log,
    signal,
    watch,
    hold,
    found: new Set(),
  }
  try {
    return await runBuild(build)
  } finally {
    clearTimeout(timer)
    await cleanUp(dir, hold, context)
  }
}

/** What cannot be removed is no fault of this build's, but the next one must not meet it. */
async function cleanUp(
  dir: string,
  hold: AsyncDisposableStack,
  context: TaskContext,
): Promise<void> {
  try {
    await hold.disposeAsync()
    await removeTree(dir)
  } catch (error) {
    context.spoil(`Cannot clean up after a build: ${messageOf(error)}`)
  }
}

async function runBuild(build: Build): Promise<FinishRequest> {
  const { log, context, found } = build
  try {
    writeHeader(build)
    const paths = await makePackages(build)
    const files = await log.phase('upload', 'uploading the results', async () =>
      uploadAll([...found, ...paths, ...(await packLogs(build.dir))], context),
    )
    log.lastLine('Build succeeded')
    return { outcome: 'succeeded', files, seconds: log.seconds }
  } catch (error) {
    if (context.signal.aborted) {
      if (context.signal.reason === 'canceled') log.lastLine('Build canceled')
      return { outcome: 'canceled', files: [] }
    }
    const fault = faultBehind(build, error)
    if (fault || !(error instanceof BuildFailure)) {
      const reason = messageOf(fault ?? error)
      log.lastLine(`The builder could not go on, the build will be tried again: ${reason}`)
      throw fault ?? error
    }
    log.lastLine(`Build failed: ${error.message}`)
    const files = await uploadAll([...found, ...(await packLogs(build.dir))], context)
    return { outcome: 'failed', reason: error.message.slice(0, 2000), files, seconds: log.seconds }
  }
}

/** A machine without memory or disk makes builds fail that would not elsewhere; those that were too slow or too loud did so by themselves. */
function faultBehind({ signal, watch }: Build, error: unknown): MachineFault | undefined {
  if (signal.aborted || error instanceof MachineFault) return undefined
  return watch.blame(messageOf(error))
}

function writeHeader({ task, log }: Build): void {
  const version = task.package_version === null ? '' : ` ${task.package_version}`
  log.line(`Building ${task.package_name}${version} for ${task.chroot.name}`)
  log.line(`Task ${task.task_id} of ${task.owner}/${task.dirname}`)
  log.line(
    `Network: ${task.enable_net ? 'as the project wants, open' : 'none'}; timeout: ${task.timeout_seconds} seconds`,
  )
}

/** All steps up to finished packages; returns the paths of the results. */
async function makePackages(build: Build): Promise<string[]> {
  const { task, dir, log, signal } = build
  await describeMachine(dir, log)
  const spec = await log.phase('sources', 'fetching the sources', () => prepareSources(build))
  const { base, repositories } = await log.phase('root', 'preparing the root', () =>
    prepareRoot(build),
  )
  const common: Omit<RpmbuildOptions, 'root'> = { task, dir, spec, log, signal }
  await writeMacros(build, base)
  const required = await log.phase('srpm', 'making the SRPM', () =>
    makeSrpm({ ...common, root: base }),
  )
  const wanted = [...new Set([...task.buildroot_packages, ...required])]
  let root = await log.phase('builddeps', 'installing BuildRequires', () =>
    withPackages(rootOptions(build), base, { packages: wanted, ...repositories }),
  )
  const isDynamic = await generatesRequires(build, common.spec)
  if (isDynamic)
    root = await installGenerated(build, { ...common, root }, repositories, new Set(wanted))
  log.only(root.installed, 'installed_pkgs')
  await log.phase('rpmbuild', 'building', async () => {
    const code = await rpmbuild(isDynamic ? 'ba' : 'bb', { ...common, root })
    if (code !== 0)
      throw new BuildFailure(`rpmbuild ended with exit code ${code}${await lastError(build)}`)
  })
  const results = await collectResults(task, dir)
  return [...results.rpms, results.summary]
}

async function prepareSources(build: Build): Promise<string> {
  const { task, dir, log, signal, found } = build
  const topdir = join(dir, 'builddir', 'build')
  for (const name of ['BUILD', 'BUILDROOT', 'RPMS', 'SOURCES', 'SPECS', 'SRPMS'])
    await mkdir(join(topdir, name), { recursive: true })
  const sources = join(topdir, 'SOURCES')
  const spec = await fetchSources(task, { dir, target: sources, log, signal })
  // The build could change its own copy; what is published is what was committed.
  const kept = join(dir, spec)
  await copyFile(join(sources, spec), kept)
  found.add(kept)
  await rename(join(sources, spec), join(topdir, 'SPECS', spec))
  await giveAway(join(dir, 'builddir'))
  for (const name of ['tmp', 'var-tmp']) {
    await mkdir(join(dir, name))
    await chmod(join(dir, name), 0o1777)
  }
  return spec
}

/** The build user owns all below its home, as in a root made by hand. */
async function giveAway(path: string): Promise<void> {
  await chown(path, BUILD_UID, BUILD_UID)
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true }))
    await chown(join(entry.parentPath, entry.name), BUILD_UID, BUILD_UID)
}

interface Repositories {
  chrootRepositories: Repository[]
  taskRepositories: Repository[]
}

async function prepareRoot(build: Build): Promise<{ base: BuildRoot; repositories: Repositories }> {
  const { task, signal } = build
  const chroot = task.chroot.name
  const [chrootRepositories, taskRepositories] = await Promise.all([
    Promise.all(
      task.chroot.repos.map((one) => readRepository(one, { chroot, isOurs: true, signal })),
    ),
    Promise.all(
      task.repos.map((one) =>
        readRepository(one, { chroot, isOurs: OWN_REPOSITORY.test(one.id), signal }),
      ),
    ),
  ])
  const base = await baseRoot(rootOptions(build), chrootRepositories)
  return { base, repositories: { chrootRepositories, taskRepositories } }
}

function rootOptions({ task, dir, cacheDir, log, signal, hold }: Build) {
  return { dir, cacheDir, chroot: task.chroot, log, signal, hold }
}

async function writeMacros({ task, dir }: Build, { dbPath }: BuildRoot): Promise<void> {
  await writeFile(join(dir, 'builddir', '.rpmmacros'), renderMacros(task, dbPath))
}

async function generatesRequires({ dir }: Build, spec: string): Promise<boolean> {
  return (await readFile(join(dir, spec), 'latin1')).includes('generate_buildrequires')
}

async function installGenerated(
  build: Build,
  options: RpmbuildOptions,
  repositories: Repositories,
  known: Set<string>,
): Promise<BuildRoot> {
  const { log } = build
  let { root } = options
  for (let round = 1; round <= MAX_GENERATE_ROUNDS; round++) {
    const current = root
    const missing = await log.phase('generate', 'generating BuildRequires', () =>
      generateBuildRequires({ ...options, root: current }, known),
    )
    if (missing.length === 0) return root
    for (const one of missing) known.add(one)
    root = await log.phase('builddeps', 'installing generated BuildRequires', () =>
      withPackages(rootOptions(build), current, { packages: missing, ...repositories }),
    )
  }
  throw new BuildFailure(
    `%generate_buildrequires still wants more after ${MAX_GENERATE_ROUNDS} rounds`,
  )
}

/** rpm's own words: what it says after "RPM build errors:", or the section that failed. */
async function lastError({ dir }: Build): Promise<string> {
  const text = await readFile(join(dir, 'build.log'), 'utf8').catch(() => '')
  const section = /^error: Bad exit status from \S+ \((%\w+)\)/m.exec(text)?.[1]
  if (section !== undefined) return `: ${section} failed`
  const error = /^error: (.*)$/m.exec(text)?.[1]
  return error === undefined ? '' : `: ${error.slice(0, 500)}`
}
