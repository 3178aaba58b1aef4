import type { FinishRequest, ResultFile, Task } from '@copr/contract/builder-protocol'
import type { Logger } from '@copr/process/log'

/** The lease, the signal and the operations that a handler can use while it runs a task. */
export interface TaskContext {
  readonly lease: string
  /** Aborts when the build is canceled, the lease is lost, or the agent is stopped; `signal.reason` is the {@link AbortReason}. */
  readonly signal: AbortSignal
  readonly log: Logger
  /** Sets the phase that the next heartbeat reports and the build's page shows. */
  phase(name: string): void
  /**
   * Appends to one of the build's logs, by default to `builder-live.log`. The data is sent in the background, in order, while the task
   * runs.
   */
  writeLog(chunk: Uint8Array | string, name?: string): void
  /** Waits until the gateway has everything that was written. */
  flushLogs(): Promise<void>
  /** Uploads a file under `name`; resumes where an earlier attempt stopped. */
  upload(path: string, name: string): Promise<ResultFile>
  /**
   * Reports that the remains of this task could not be removed, so that the machine must not run another task. The outcome of this task
   * still counts.
   */
  markUnclean(reason: string): void
  /** Downloads the SRPM of an import task to `path`. */
  fetchSrpm(path: string): Promise<void>
}

/** Runs one task. Returns an outcome even if the build fails; throws when the machine is at fault. */
export type TaskHandler = (task: Task, context: TaskContext) => Promise<FinishRequest>

/** Why a task's signal aborted. */
export type AbortReason = 'canceled' | 'lease_lost' | 'stopping'

/** The reason with which `stop` aborts when the cloud reclaims the agent's machine. */
export const INTERRUPTED = 'interrupted'
