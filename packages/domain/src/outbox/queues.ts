import { type Selectable, sql } from 'kysely'
import type { Db } from '../database/open.ts'
import type { OutboxQueueTable, OutboxTable } from '../database/schema.ts'

export type OutboxChannel = OutboxQueueTable['channel']
export type OutboxQueue = Selectable<OutboxQueueTable>
export type Delivery = Selectable<OutboxTable>

/**
 * Starts or stops storing events for the message bus or for mail. Events that are already stored are kept, so that a mistake in the
 * configuration loses nothing.
 */
export async function enableChannel(
  db: Db,
  channel: Exclude<OutboxChannel, 'webhook'>,
  is_enabled: boolean,
): Promise<void> {
  await sql`
    insert into outbox_queue (channel, is_enabled) select ${channel}, true where ${is_enabled}
    on conflict (channel) where webhook_id is null do nothing`.execute(db)
  await db
    .updateTable('outbox_queue')
    .set({ is_enabled })
    .where('channel', '=', channel)
    .where('is_enabled', '<>', is_enabled)
    .execute()
}

export interface QueueClaim {
  lease: string
  now: Date
  lease_seconds: number
}

/**
 * Matches the first open delivery of each ordering key: later deliveries wait until it has arrived. The subquery costs one index lookup per
 * row; PostgreSQL would execute `not exists` as a join with all waiting deliveries.
 */
const IS_FIRST = sql<boolean>`outbox.outcome is null and outbox.id = (
  select min(earlier.id) from outbox earlier where earlier.queue_id = outbox.queue_id
    and earlier.ordering = outbox.ordering and earlier.outcome is null)`

/**
 * Leases the queue of a channel that was served longest ago, among those with a delivery that is due. Returns undefined if there is none.
 * At most one process serves a queue at a time, which preserves the order of its deliveries.
 */
export async function claimQueue(
  db: Db,
  channel: OutboxChannel,
  { lease, now, lease_seconds }: QueueClaim,
): Promise<OutboxQueue | undefined> {
  const { rows } = await sql<OutboxQueue>`
    update outbox_queue set lease = ${lease}, lease_until = ${new Date(now.getTime() + lease_seconds * 1000)}
    where id = (
      select queue.id from outbox_queue queue
      where queue.channel = ${channel} and queue.is_enabled
        and (queue.lease is null or queue.lease_until < ${now}) and (queue.retry_at is null or queue.retry_at <= ${now})
        and exists (select from outbox where outbox.queue_id = queue.id and ${IS_FIRST}
          and (outbox.not_before is null or outbox.not_before <= ${now}))
      order by queue.lease_until nulls first, queue.id
      limit 1 for update skip locked)
    returning *`.execute(db)
  return rows[0]
}

/** Returns the deliveries that may be sent concurrently: the first one of each ordering key, oldest first. */
export async function dueDeliveries(
  db: Db,
  queue_id: number,
  { now, limit }: { now: Date; limit: number },
): Promise<Delivery[]> {
  return await db
    .selectFrom('outbox')
    .selectAll()
    .where('queue_id', '=', queue_id)
    .where(IS_FIRST)
    .where((eb) => eb.or([eb('not_before', 'is', null), eb('not_before', '<=', now)]))
    .orderBy('id')
    .limit(limit)
    .execute()
}

/** Deletes deliveries that have arrived and that are not kept for a log. */
export async function dropDelivered(db: Db, ids: readonly number[]): Promise<void> {
  if (ids.length > 0) await db.deleteFrom('outbox').where('id', 'in', ids).execute()
}

/** The first and the longest delay after a failure; the delay doubles with each further failure. */
export interface Backoff {
  first_seconds: number
  max_seconds: number
}

export interface QueueOutcome {
  id: number
  lease: string
  now: Date
  /** Why the destination refused everything that was sent, although it works. */
  refused?: string
  /** Why the destination failed. Nothing is sent to it until a delay has passed; the delay grows with the number of failures in a row. */
  failed?: { reason: string; backoff: Backoff }
}

/** Ends the lease of a queue and records whether its destination works. Does nothing if the lease was lost. */
export async function releaseQueue(
  db: Db,
  { id, lease, now, refused, failed }: QueueOutcome,
): Promise<void> {
  const reason = failed?.reason ?? refused
  const { first_seconds = 0, max_seconds = 0 } = failed?.backoff ?? {}
  await db
    .updateTable('outbox_queue')
    .set({
      lease: null,
      lease_until: now,
      last_error: reason?.slice(0, 1000) ?? null,
      failing_since: reason === undefined ? null : sql<Date>`coalesce(failing_since, ${now})`,
      ...(failed
        ? {
            failures: sql<number>`failures + 1`,
            retry_at: sql<Date>`${now}::timestamptz + make_interval(secs =>
              least(${max_seconds}::float8, ${first_seconds}::float8 * power(2, least(failures, 30))))`,
          }
        : { failures: 0, retry_at: null }),
    })
    .where('id', '=', id)
    .where('lease', '=', lease)
    .execute()
}

export interface QueueHealth {
  channel: OutboxChannel
  /** `OWNER/PROJECT URL` of a webhook; null for other channels. */
  webhook: string | null
  is_enabled: boolean
  waiting: number
  /** Age of the oldest waiting event in seconds; 0 if none waits. */
  oldest_seconds: number
  failures: number
  retry_at: Date | null
  last_error: string | null
}

/** Lists the queues with the number of their waiting events and the age of the oldest. */
export async function queueHealth(db: Db): Promise<QueueHealth[]> {
  const { rows } = await sql<QueueHealth>`
    select queue.channel, case when webhook.id is not null
        then project.ownername || '/' || project.name || ' ' || webhook.url end as webhook,
      queue.is_enabled, count(outbox.id)::int as waiting,
      coalesce(extract(epoch from now() - min(outbox.created_at)), 0)::float8 as oldest_seconds,
      queue.failures, queue.retry_at, queue.last_error
    from outbox_queue queue
      left join project_webhook webhook on webhook.id = queue.webhook_id
      left join project on project.id = webhook.project_id
      left join outbox on outbox.queue_id = queue.id and outbox.outcome is null
    group by queue.id, webhook.id, project.id
    order by queue.channel, queue.id`.execute(db)
  return rows
}

/** Counts the waiting events of each channel, for metrics; includes webhooks whose receiver is down. */
export async function outboxCounts(
  db: Db,
): Promise<{ channel: OutboxChannel; waiting: number; oldest_seconds: number }[]> {
  const { rows } = await sql<{ channel: OutboxChannel; waiting: number; oldest_seconds: number }>`
    select channel, count(outbox.id)::int as waiting,
      coalesce(extract(epoch from now() - min(outbox.created_at)), 0)::float8 as oldest_seconds
    from outbox_queue left join outbox on outbox.queue_id = outbox_queue.id and outbox.outcome is null
    group by channel order by channel`.execute(db)
  return rows
}

/**
 * Deletes deliveries that ended before `before`, and events that have waited since before then in a disabled queue, for example because
 * their channel was switched off.
 */
export async function dropOldDeliveries(db: Db, before: Date): Promise<void> {
  await db
    .deleteFrom('outbox')
    .where('outcome', 'is not', null)
    .where('ended_at', '<', before)
    .execute()
  await db
    .deleteFrom('outbox')
    .where('outcome', 'is', null)
    .where('created_at', '<', before)
    .where('queue_id', 'in', (eb) =>
      eb.selectFrom('outbox_queue').select('id').where('is_enabled', '=', false),
    )
    .execute()
}
