import type { FinishRequest, ResultFile, Task } from '@copr/contract/builder-protocol'
import type { Logger } from '@copr/process/log'

/** The lease, the signals and the operations that a handler has while it works on a task. */
export interface TaskContext {
  readonly lease: string
  /** Aborts when the build was canceled, the lease was lost, or the agent is told to stop: `signal.reason` tells which. */
  readonly signal: AbortSignal
  readonly log: Logger
  /** Shown on the build's page and sent with the next heartbeat. */
  phase(name: string): void
  /** Appends to one of the build's logs (`builder-live.log` unless named); sent in the background, in order, while the task runs. */
  writeLog(chunk: Uint8Array | string, name?: string): void
  /** Waits until all that was written is at the gateway. */
  flushLogs(): Promise<void>
  /** Uploads a file under `name`; resumes where an earlier try stopped. */
  upload(path: string, name: string): Promise<ResultFile>
  /** The machine is fit for no further task: what this one left could not be removed. The outcome counts all the same. */
  markUnclean(reason: string): void
  /** Import tasks: stores the SRPM at `path`. */
  fetchSrpm(path: string): Promise<void>
}

/** Does one task. It returns an outcome for everything the build caused, and throws when the fault is the machine's. */
export type TaskHandler = (task: Task, context: TaskContext) => Promise<FinishRequest>

/** Why a task's signal aborted. */
export type AbortReason = 'canceled' | 'lease_lost' | 'stopping'

/** Why an agent is told to stop: its cloud takes the machine back. */
export const INTERRUPTED = 'interrupted'
