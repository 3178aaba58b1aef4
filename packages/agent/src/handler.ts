import type { FinishRequest, ResultFile, Task } from '@copr/contract/builder-protocol'
import type { Logger } from '@copr/process/log'

/** The lease, the signal and the operations that a handler can use while it runs a task. */
export interface TaskContext {
  readonly lease: string
  /** Aborts when the build was canceled, the lease was lost, or the agent is stopped; `signal.reason` is the {@link AbortReason}. */
  readonly signal: AbortSignal
  readonly log: Logger
  /** Sets the phase, which the next heartbeat reports and the build's page shows. */
  phase(name: string): void
  /** Appends to one of the build's logs (`builder-live.log` unless named); sent in the background, in order, while the task runs. */
  writeLog(chunk: Uint8Array | string, name?: string): void
  /** Waits until the gateway has all that was written. */
  flushLogs(): Promise<void>
  /** Uploads a file under `name`; resumes where an earlier try stopped. */
  upload(path: string, name: string): Promise<ResultFile>
  /** Reports that the remains of this task could not be removed, so the machine must not run another. The task's outcome still counts. */
  markUnclean(reason: string): void
  /** Downloads the SRPM of an import task to `path`. */
  fetchSrpm(path: string): Promise<void>
}

/** Runs one task. Returns an outcome, even if the build has caused a failure; throws when the machine is at fault. */
export type TaskHandler = (task: Task, context: TaskContext) => Promise<FinishRequest>

/** Why a task's signal aborted. */
export type AbortReason = 'canceled' | 'lease_lost' | 'stopping'

/** The abort reason of an agent whose cloud takes the machine back. */
export const INTERRUPTED = 'interrupted'
