import { mkdir, mkdtemp, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type FinishRequest,
  MAX_DEPENDENCIES,
  MAX_DEPENDENCY_LENGTH,
  type Review,
  type RpmTask,
} from '@copr/contract/builder-protocol'
import type { TaskContext } from '@copr/agent/handler'
import { MachineFault } from '@copr/agent/machine-fault'
import { messageOf } from '@copr/process/errors'
import { type AddressRules, addressRules } from '@copr/process/guarded/address-rules'
import { type GuardedProxy, serveGuardedProxy } from '@copr/process/guarded/guarded-proxy'
import type { UrlGuard } from './repositories/repository.ts'
import { BuildFailure } from './build-failure.ts'
import { buildDiskBytes, filledSentence } from './disk/build-disk-size.ts'
import { type BuildDisk, openBuildDisk } from './disk/build-disk.ts'
import { failureDetails } from './failure/failure-details.ts'
import { BuildLog } from './build-log.ts'
import { gaugesOf, MachineWatch } from './machine-watch.ts'
import { packLogs, uploadAll } from './results.ts'
import { removeTree } from './remove-tree.ts'
import { limitsOfMachine, type SandboxLimits } from './sandbox/limits.ts'

export interface EngineOptions {
  /** Parent directory of the builds' own directories, on the same disk as `cache_dir`. */
  builds_dir: string
  /**
   * Whether each build gets a disk of its own or shares the machine's disk. A disk of its own requires that {@link buildDiskFaults} finds
   * no faults.
   */
  own_disk: boolean
  /** Directory for buildroots, packages and repository data that are kept between builds; several builders may share it. */
  cache_dir: string
  /** Limits on what each step of a build may use. Default: limits that leave the machine able to work. */
  limits?: SandboxLimits
  /** Addresses at which users' repositories may be. Default: public addresses only. */
  rules?: AddressRules
}

/** Time limit for making a build's disk, which normally takes about 50 ms. */
const OPEN_DISK_MS = 60_000

/** The fields of a task that decide how it runs. */
export interface EngineTask extends Pick<RpmTask, 'timeout_seconds' | 'chroot' | 'repos'> {
  limits: Pick<RpmTask['limits'], 'max_log_bytes' | 'max_disk_bytes'>
}

/** A build of packages or of an SRPM that an engine is running. */
export interface Build<Task extends EngineTask = RpmTask> {
  task: Task
  context: TaskContext
  /** The build's directory, on the build's own disk if it has one. */
  dir: string
  /** Directory of the separate logs, on the machine's disk, because the log of a build that fills its own disk must still be complete. */
  log_dir: string
  disk: BuildDisk | undefined
  /** The limits that apply to each of the build's sandboxes. */
  limits: SandboxLimits
  /** Addresses that users' URLs and builds with network access may reach. */
  rules: AddressRules
  /** Restricts users' URLs; undefined if the task has none. */
  guard: UrlGuard | undefined
  cacheDir: string
  log: BuildLog
  /** Aborts when the build is canceled, times out or exceeds its log limit. */
  signal: AbortSignal
  watch: MachineWatch
  hold: AsyncDisposableStack
  /** Paths of result files known so far, which are uploaded even if the build fails. */
  found: Set<string>
  /** The Provides that the spec declares; empty unless the engine has read them. */
  declares: string[]
  /** The findings of the tools that have checked the packages. */
  reviews: Review[]
}

/** Starts the proxy through which dnf fetches users' repositories; returns undefined if the task has no such repositories. */
async function proxyFor(
  { repos }: EngineTask,
  { rules, log, refused }: { rules: AddressRules; log: BuildLog; refused: string[] },
): Promise<GuardedProxy | undefined> {
  if (!repos.some((one) => one.is_external)) return undefined
  const onRefused = (reason: string): void => {
    refused.push(reason)
    log.line(reason, 'root')
  }
  return await serveGuardedProxy({ rules, onRefused })
}

/**
 * Runs a build. `makePackages` makes the results and returns their paths; limits, logs, outcome and cleanup are the same for all engines
 * and sources.
 */
export async function runEngine<Task extends EngineTask>(
  task: Task,
  context: TaskContext,
  options: EngineOptions,
  makePackages: (build: Build<Task>) => Promise<string[]>,
): Promise<FinishRequest> {
  await mkdir(options.builds_dir, { recursive: true })
  await mkdir(options.cache_dir, { recursive: true })
  const place = await mkdtemp(join(options.builds_dir, 'build-'))
  const hold = new AsyncDisposableStack()
  try {
    const disk = options.own_disk ? hold.use(await openDisk(task, place)) : undefined
    return await runIn(place, disk, hold, { task, context, options, makePackages })
  } finally {
    await cleanUp(place, hold, context)
  }
}

interface Run<Task extends EngineTask> {
  task: Task
  context: TaskContext
  options: EngineOptions
  makePackages: (build: Build<Task>) => Promise<string[]>
}

async function runIn<Task extends EngineTask>(
  place: string,
  disk: BuildDisk | undefined,
  hold: AsyncDisposableStack,
  { task, context, options, makePackages }: Run<Task>,
): Promise<FinishRequest> {
  const limit = new AbortController()
  const timer = setTimeout(
    () =>
      limit.abort(
        new BuildFailure(
          `the build took longer than its timeout of ${task.timeout_seconds} seconds`,
          { category: 'timeout' },
        ),
      ),
    task.timeout_seconds * 1000,
  )
  const { rules = addressRules(false), limits = limitsOfMachine() } = options
  const max_bytes = task.limits.max_log_bytes
  const onTooLong = (): void =>
    limit.abort(
      new BuildFailure(`the build log exceeds the limit of ${max_bytes} bytes`, {
        category: 'resources',
        hint: 'Make the build print less.',
      }),
    )
  const onUnwritable = (cause: unknown): void =>
    limit.abort(new Error('Cannot write the log of the build', { cause }))
  const log = new BuildLog({ context, dir: place, max_bytes, onTooLong, onUnwritable })
  using watch = new MachineWatch(gaugesOf(options.builds_dir))
  const signal = AbortSignal.any([context.signal, limit.signal])
  const refused: string[] = []
  await using proxy = await proxyFor(task, { rules, log, refused })
  const build: Build<Task> = {
    task,
    rules,
    guard: proxy && { rules, proxy_url: proxy.url, refused },
    context,
    dir: disk ? diskDir(place) : place,
    log_dir: place,
    disk,
    limits,
    cacheDir: options.cache_dir,
    log,
    signal,
    watch,
    hold,
    found: new Set(),
    declares: [],
    reviews: [],
  }
  try {
    return await runBuild(build, makePackages)
  } finally {
    clearTimeout(timer)
  }
}

function diskDir(place: string): string {
  return join(place, 'disk')
}

/** Opens a build's disk in `place`. The disk leaves some of the machine's disk space for logs and caches. */
async function openDisk(task: EngineTask, place: string): Promise<BuildDisk> {
  const { max_disk_bytes } = task.limits
  const bytes = buildDiskBytes(max_disk_bytes, await statfs(place))
  const mount_point = diskDir(place)
  await mkdir(mount_point)
  const signal = AbortSignal.timeout(OPEN_DISK_MS)
  return await openBuildDisk({ image: join(place, 'image'), mount_point, bytes, signal })
}

/**
 * Cleans up after a build. If this fails, the build does not fail, but the machine is marked unclean, because the next build must not find
 * the leftovers.
 */
async function cleanUp(
  dir: string,
  hold: AsyncDisposableStack,
  context: TaskContext,
): Promise<void> {
  try {
    await hold.disposeAsync()
    await removeTree(dir)
  } catch (error) {
    context.markUnclean(`Cannot clean up after a build: ${messageOf(error)}`)
  }
}

async function runBuild<Task extends EngineTask>(
  build: Build<Task>,
  makePackages: (build: Build<Task>) => Promise<string[]>,
): Promise<FinishRequest> {
  const { log, context, found } = build
  try {
    const paths = await makePackages(build)
    requireIntactData(build)
    const files = await log.phase('upload', 'uploading the results', async () =>
      uploadAll([...found, ...paths, ...(await packLogs(build.log_dir))], context),
    )
    log.lastLine('Build succeeded')
    const { reviews } = build
    const findings = reviews.length > 0 ? { reviews } : {}
    return { outcome: 'succeeded', files, ...findings, seconds: log.seconds }
  } catch (error) {
    if (context.signal.aborted) {
      if (context.signal.reason === 'canceled') log.lastLine('Build canceled')
      return { outcome: 'canceled', files: [] }
    }
    const fault = faultBehind(build, error)
    if (!(fault instanceof BuildFailure)) {
      log.lastLine(`The builder failed, the build will be retried: ${messageOf(fault)}`)
      throw fault
    }
    const failure = failureDetails(fault, log.scanner)
    log.lastLine(`Build failed: ${fault.message}`)
    const files = await uploadAll([...found, ...(await packLogs(build.log_dir))], context)
    const reason = fault.message.slice(0, 2000)
    const dependencies = {
      ...(fault.unmet.length > 0 && { unmet: reportable(fault.unmet) }),
      ...(build.declares.length > 0 && { declares: reportable(build.declares) }),
    }
    return { outcome: 'failed', reason, failure, ...dependencies, files, seconds: log.seconds }
  }
}

/** Returns the dependencies that the gateway accepts: not too long, and not too many. */
function reportable(texts: string[]): string[] {
  return texts.filter((text) => text.length <= MAX_DEPENDENCY_LENGTH).slice(0, MAX_DEPENDENCIES)
}

/** Throws if the machine could not store everything that the build wrote to its own disk: in this case, the packages may be damaged. */
function requireIntactData({ disk, watch }: Pick<Build, 'disk' | 'watch'>): void {
  if (!disk) return
  const fault = watch.blameDisk('what the build wrote may be lost')
  if (fault) throw fault
  if (disk.hasLostData()) throw new Error("The machine's disk failed: what the build wrote is lost")
}

/**
 * Returns the reason for a failure:
 *
 * - a machine fault, such as exhausted memory or a full disk
 * - a BuildFailure if the build has filled its own disk
 * - the error itself in all other cases, and whenever the build was aborted
 */
function faultBehind(
  { signal, watch, disk }: Pick<Build, 'signal' | 'watch' | 'disk'>,
  error: unknown,
): unknown {
  if (signal.aborted || error instanceof MachineFault) return error
  if (error instanceof BuildFailure && error.isExhausted) return error
  const fault = watch.blame(messageOf(error))
  if (fault || !disk) return fault ?? error
  if (disk.hasLostData())
    return new Error(`The machine's disk failed: ${messageOf(error)}`, { cause: error })
  const filled = filledSentence(disk, error)
  return filled === undefined
    ? error
    : new BuildFailure(`${filled}: ${messageOf(error)}`, {
        category: 'resources',
        hint: 'Make the build write less, remove what it no longer needs, or ask the administrator for more disk.',
      })
}
