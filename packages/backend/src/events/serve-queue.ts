import {
  type Backoff,
  claimQueue,
  type Delivery,
  dueDeliveries,
  type OutboxChannel,
  type OutboxQueue,
  releaseQueue,
} from '@copr/domain/outbox/queues'
import { messageOf } from '@copr/process/errors'
import { randomUUID } from 'node:crypto'
import type { Backend } from '../context.ts'

/** Much longer than the timeouts of one batch, so that a live process keeps its lease. */
const LEASE_SECONDS = 90

/** The destination failed as a whole: nothing is sent to it until the backoff has passed. */
export class DestinationError extends Error {}

export interface Channel {
  channel: OutboxChannel
  /** Maximum number of deliveries that are sent concurrently. */
  batch: number
  backoff: Backoff
  /**
   * Sends deliveries, each with a different ordering key, and records which arrived. If the destination refused all of them, it returns the
   * reason. Throws a DestinationError if the destination failed.
   */
  send: (queue: OutboxQueue, deliveries: Delivery[]) => Promise<Refusal | undefined>
}

/** The destination works but accepted none of these deliveries. */
export interface Refusal {
  refused: string
}

/**
 * Sends the due deliveries in the queues of a channel. A DestinationError delays the queue by the backoff. Any other error is not the
 * destination's fault: the lease of the queue is left to expire.
 */
export async function serveQueues(
  { db, log, now }: Pick<Backend, 'db' | 'log' | 'now'>,
  { channel, batch, backoff, send }: Channel,
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    const lease = randomUUID()
    const queue = await claimQueue(db, channel, { lease, now: now(), lease_seconds: LEASE_SECONDS })
    if (!queue) return
    const { id } = queue
    // A destination that has failed is tried with a single delivery.
    const limit = queue.failures > 0 ? 1 : batch
    try {
      const refusal = await send(queue, await dueDeliveries(db, id, { now: now(), limit }))
      await releaseQueue(db, { id, lease, now: now(), ...refusal })
      if (queue.failures > 0 && !refusal)
        log.info({ channel, queue: id }, 'Events are delivered again')
    } catch (error) {
      if (!(error instanceof DestinationError)) throw error
      const reason = messageOf(error)
      await releaseQueue(db, { id, lease, now: now(), failed: { reason, backoff } })
      // Logged once per outage; the metrics show how long it lasts.
      if (queue.failures === 0)
        log.warn({ channel, queue: id, reason }, 'Cannot deliver events, retrying')
    }
  }
}
