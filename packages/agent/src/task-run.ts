import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FinishRequest, LostCause, Task } from '@copr/contract/builder-protocol'
import { messageOf } from '@copr/process/errors'
import type { Logger } from '@copr/process/log'
import { GatewayError, type TaskGateway } from './gateway-client.ts'
import { type AbortReason, INTERRUPTED, type TaskContext, type TaskHandler } from './handler.ts'
import { keepLease } from './lease.ts'
import { LogStream } from './log-stream.ts'
import { lostCauseOf } from './machine-fault.ts'
import { retrying } from './retrying.ts'
import { uploadFile } from './upload.ts'

export interface TaskRun {
  gateway: TaskGateway
  task: Task
  lease: string
  handler: TaskHandler
  heartbeat_seconds: number
  log: Logger
  stop: AbortSignal
  /** Called when the machine must not run another task. */
  onUnclean: (reason: string) => void
}

const DEFAULT_LOG = 'builder-live.log'
/** How long an agent that is being stopped may take to end its task and requeue it. */
const GOODBYE_MS = 8_000
const REASON_CHARS = 2000

/** Runs one task under its lease and reports the outcome. Never throws; when it resolves, the task has ended. */
export async function runTask(run: TaskRun): Promise<void> {
  const { stop, log } = run
  /** Aborts the handler. */
  const work = new AbortController()
  /** Aborts the reports that may still be sent after the work was canceled: the rest of the log, and the outcome. */
  const report = new AbortController()
  const done = new AbortController()
  let goodbye: NodeJS.Timeout | undefined
  const abort = (reason: AbortReason): void => work.abort(reason)
  const onStop = (): void => {
    abort('stopping')
    goodbye = setTimeout(() => report.abort('stopping'), GOODBYE_MS)
  }
  const onLost = (why: string): void => {
    log.warn({ why }, 'Lease lost')
    abort('lease_lost')
    report.abort('lease_lost')
  }
  stop.addEventListener('abort', onStop, { once: true })
  if (stop.aborted) onStop()

  let phase: string | undefined
  const onCancel = (): void => abort('canceled')
  const beats = keepLease({ ...run, phase: () => phase, onCancel, onLost, done: done.signal })
  const logs = new Map<string, LogStream>()
  try {
    const context = taskContext(run, work.signal, report.signal, logs, (name) => (phase = name))
    const outcome = await outcomeOf(run, context)
    if (!report.signal.aborted) await flushAll(logs)
    await finish(run, outcome, report.signal)
  } catch (err) {
    if (err instanceof GatewayError && err.kind === 'lease_lost') onLost(err.message)
    else if (!report.signal.aborted) log.error({ err }, 'Cannot report the outcome of a task')
  } finally {
    stop.removeEventListener('abort', onStop)
    clearTimeout(goodbye)
    done.abort()
    report.abort('finished')
    await beats
    for (const stream of logs.values()) await stream[Symbol.asyncDispose]()
  }
}

function taskContext(
  run: TaskRun,
  work: AbortSignal,
  report: AbortSignal,
  logs: Map<string, LogStream>,
  setPhase: (name: string) => void,
): TaskContext {
  const { gateway, log } = run
  function logStream(name: string): LogStream {
    const put = (offset: number, bytes: Uint8Array<ArrayBuffer>): Promise<number> =>
      retrying(() => gateway.putLog(name, offset, bytes, report), {
        signal: report,
        log,
        what: `log ${name}`,
      })
    const stream = logs.get(name) ?? new LogStream({ put, signal: report })
    logs.set(name, stream)
    return stream
  }
  return {
    lease: run.lease,
    signal: work,
    log,
    phase: (name) => setPhase(name.slice(0, 100)),
    writeLog: (chunk, name = DEFAULT_LOG) => logStream(name).write(chunk),
    flushLogs: () => flushAll(logs),
    markUnclean: (reason) => run.onUnclean(reason),
    // A cancellation aborts the current upload of results at once, but files that the handler uploads afterwards are still sent.
    upload: (path, name) =>
      uploadFile(gateway, { path, name }, { signal: work.aborted ? report : work, log }),
    fetchSrpm: (path) =>
      retrying(() => fetchSrpm(gateway, path, work), {
        signal: work,
        log,
        what: 'download of the SRPM',
      }),
  }
}

async function flushAll(logs: Map<string, LogStream>): Promise<void> {
  await Promise.all([...logs.values()].map((stream) => stream.flush()))
}

async function fetchSrpm(gateway: TaskGateway, path: string, signal: AbortSignal): Promise<void> {
  const body = await gateway.getSrpm(signal)
  const file = createWriteStream(path)
  let isDiskFault = false
  file.once('error', () => (isDiskFault = true))
  try {
    await pipeline(Readable.fromWeb(body), file, { signal })
  } catch (error) {
    if (isDiskFault || signal.aborted) throw error
    throw new GatewayError('unreachable', `Cannot read the SRPM: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/** Runs the handler and returns its outcome. If the handler fails or is aborted, returns an outcome that says so, for example `lost`. */
async function outcomeOf(run: TaskRun, context: TaskContext): Promise<FinishRequest> {
  const { signal } = context
  try {
    const outcome = await run.handler(run.task, context)
    if (!signal.aborted) return outcome
    const files = 'files' in outcome ? outcome.files : []
    if (signal.reason === 'canceled') return { outcome: 'canceled', files }
    return outcome.outcome === 'succeeded' ? outcome : stopped(run)
  } catch (error) {
    if (error instanceof GatewayError && error.kind === 'lease_lost') throw error
    if (signal.reason === 'canceled') return { outcome: 'canceled', files: [] }
    if (signal.aborted) return stopped(run)
    run.log.error({ err: error }, 'Task handler failed, requeueing the task')
    return lost(lostCauseOf(error), messageOf(error))
  }
}

function lost(cause: LostCause, reason: string): FinishRequest {
  return { outcome: 'lost', cause, reason: reason.slice(0, REASON_CHARS) }
}

function stopped({ stop }: TaskRun): FinishRequest {
  return stop.reason === INTERRUPTED
    ? lost('interrupted', 'The cloud provider reclaimed the machine')
    : lost('machine_lost', 'The agent was stopped')
}

async function finish(run: TaskRun, outcome: FinishRequest, signal: AbortSignal): Promise<void> {
  const { gateway, log } = run
  const send = (what: FinishRequest): Promise<boolean> =>
    retrying(() => gateway.finish(what, signal), { signal, log, what: 'outcome' })
  const short =
    'reason' in outcome ? { ...outcome, reason: outcome.reason.slice(0, REASON_CHARS) } : outcome
  try {
    const accepted = await send(short)
    log.info({ outcome: outcome.outcome, accepted }, 'Finished task')
  } catch (error) {
    if (!(error instanceof GatewayError) || error.kind !== 'refused' || outcome.outcome === 'lost')
      throw error
    // Requeueing the task is better than leaving it leased until the lease expires.
    log.error({ err: error }, 'Gateway refused the outcome, requeueing the task')
    await send(lost('setup', error.message))
  }
}
