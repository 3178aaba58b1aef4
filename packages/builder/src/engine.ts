import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import type { FinishRequest, RpmTask } from '@copr/contract/builder-protocol'
import type { TaskContext } from '@copr/agent/handler'
import { MachineFault } from '@copr/agent/machine-fault'
import { messageOf } from '@copr/process/errors'
import { type AddressRules, addressRules } from '@copr/process/guarded/address-rules'
import { type GuardedProxy, serveGuardedProxy } from '@copr/process/guarded/guarded-proxy'
import type { UrlGuard } from './repositories/repository.ts'
import { BuildFailure } from './build-failure.ts'
import { BuildLog } from './build-log.ts'
import { gaugesOf, MachineWatch } from './machine-watch.ts'
import { packLogs, uploadAll } from './results.ts'
import { removeTree } from './remove-tree.ts'

export interface EngineOptions {
  /** Parent of the directories of single builds; on the same disk as `cache_dir`. */
  builds_dir: string
  /** Roots, packages and repository data kept between builds; several builders may share it. */
  cache_dir: string
  /** Addresses that users' repositories may have. Default: no private ones. */
  rules?: AddressRules
}

/** A build that an engine is running. */
export interface Build {
  task: RpmTask
  context: TaskContext
  dir: string
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
}

/** Starts the proxy through which dnf fetches users' repositories; returns undefined if the task has none. */
async function proxyFor(
  { repos }: RpmTask,
  { rules, log, refused }: { rules: AddressRules; log: BuildLog; refused: string[] },
): Promise<GuardedProxy | undefined> {
  if (!repos.some((one) => one.is_external)) return undefined
  const onRefused = (reason: string): void => {
    refused.push(reason)
    log.line(reason, 'root')
  }
  return await serveGuardedProxy({ rules, onRefused })
}

/** Runs a build with what all engines share: limits, logs, outcome and cleanup. `makePackages` returns the paths of the results. */
export async function runEngine(
  task: RpmTask,
  context: TaskContext,
  options: EngineOptions,
  makePackages: (build: Build) => Promise<string[]>,
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
  const { rules = addressRules(false) } = options
  const max_bytes = task.limits.max_log_bytes
  const onTooLong = (): void =>
    limit.abort(new BuildFailure(`the build log exceeds the limit of ${max_bytes} bytes`))
  const log = new BuildLog({ context, dir, max_bytes, onTooLong })
  const hold = new AsyncDisposableStack()
  using watch = new MachineWatch(gaugesOf(options.builds_dir))
  const signal = AbortSignal.any([context.signal, limit.signal])
  const refused: string[] = []
  await using proxy = await proxyFor(task, { rules, log, refused })
  const build: Build = {
    task,
    guard: proxy && { rules, proxy_url: proxy.url, refused },
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
    return await runBuild(build, makePackages)
  } finally {
    clearTimeout(timer)
    await cleanUp(dir, hold, context)
  }
}

/** A failed cleanup does not fail this build, but marks the machine unclean: the next build must not find the leftovers. */
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

async function runBuild(
  build: Build,
  makePackages: (build: Build) => Promise<string[]>,
): Promise<FinishRequest> {
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
      log.lastLine(`The builder failed, the build will be retried: ${reason}`)
      throw fault ?? error
    }
    log.lastLine(`Build failed: ${error.message}`)
    const files = await uploadAll([...found, ...(await packLogs(build.dir))], context)
    return { outcome: 'failed', reason: error.message.slice(0, 2000), files, seconds: log.seconds }
  }
}

/** Returns the machine fault, such as full memory or disk, behind a failed build; undefined if the build was aborted. */
function faultBehind({ signal, watch }: Build, error: unknown): MachineFault | undefined {
  if (signal.aborted || error instanceof MachineFault) return undefined
  if (error instanceof BuildFailure && error.isExhausted) return undefined
  return watch.blame(messageOf(error))
}

function writeHeader({ task, log }: Build): void {
  const version = task.package_version === null ? '' : ` ${task.package_version}`
  log.line(`Building ${task.package_name}${version} for ${task.chroot.name}`)
  log.line(`Task ${task.task_id} of ${task.owner}/${task.dirname}`)
  log.line(
    `Network: ${task.enable_net ? 'enabled by the project' : 'none'}; timeout: ${task.timeout_seconds} seconds`,
  )
}
