import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '@copr/process/errors'
import type { Logger } from '@copr/process/log'
import { GatewayError, type TaskGateway } from './gateway-client.ts'

export interface LeaseOptions {
  gateway: TaskGateway
  heartbeat_seconds: number
  phase: () => string | undefined
  onCancel: () => void
  onLost: (why: string) => void
  /** Aborts when the task has ended. */
  done: AbortSignal
  log: Logger
}

/** Assumed length of the lease, in heartbeat intervals, until the first response states the real one. */
const ASSUMED_HEARTBEATS = 4
const RETRY_MS = 1_000

/** Renews a task's lease until the task has ended or the lease is lost. A gateway outage that is shorter than the lease does no harm. */
export async function keepLease(options: LeaseOptions): Promise<void> {
  const { gateway, done, log } = options
  const beat_ms = options.heartbeat_seconds * 1000
  let validUntil = performance.now() + beat_ms * ASSUMED_HEARTBEATS
  while (!done.aborted) {
    const sentAt = performance.now()
    let wait_ms = beat_ms
    try {
      const limit = AbortSignal.any([done, AbortSignal.timeout(Math.max(beat_ms, RETRY_MS))])
      const answer = await gateway.heartbeat(options.phase(), limit)
      validUntil = sentAt + answer.lease_seconds * 1000
      if (answer.cancel) options.onCancel()
    } catch (error) {
      if (done.aborted) return
      const isLost =
        error instanceof GatewayError &&
        (error.kind === 'lease_lost' || error.kind === 'session_lost')
      if (isLost || performance.now() >= validUntil) return options.onLost(messageOf(error))
      log.warn({ reason: messageOf(error) }, 'Heartbeat failed, retrying')
      wait_ms = Math.min(RETRY_MS, beat_ms)
    }
    await sleep(wait_ms, undefined, { signal: done }).catch(() => undefined)
  }
}
