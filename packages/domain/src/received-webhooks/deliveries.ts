import type { Decision, DeliveryOutcome, WebhookSource } from '@copr/contract/api/webhooks'
import { type Selectable, sql } from 'kysely'
import type { Actor } from '../audit/actor.ts'
import { audit } from '../audit/audit.ts'
import type { Db } from '../database/open.ts'
import type { WebhookDeliveryTable } from '../database/schema.ts'

export type Delivery = Selectable<WebhookDeliveryTable>

/** Deliveries are kept for this many days, and at most KEPT_FOR_PROJECT of them for each project. */
const KEPT_DAYS = 30
const KEPT_FOR_PROJECT = 200
/** Maximum bytes of a body that are stored. A delivery with a larger body cannot be replayed. */
const KEPT_BODY_BYTES = 128 * 1024
const DAY_MS = 86_400_000

export interface NewDelivery {
  project_id: number
  forge: WebhookSource
  event: string | null
  delivery_key: string | null
  remote_address: string | null
  package_name: string | null
  dirname: string | null
  headers: Record<string, string>
  /** Null if the sender was not authenticated, because strangers must not fill the database. */
  body: Buffer | null
  body_bytes: number
  replay_of: number | null
}

/** The outcome of a delivery. `reason` is null if the decisions explain it. */
export interface DeliveryResult {
  outcome: Exclude<DeliveryOutcome, 'processing'>
  reason: string | null
  decisions: Decision[]
}

/** Records a delivery before it is processed; returns its id. */
export async function recordDelivery(db: Db, delivery: NewDelivery, now: Date): Promise<number> {
  const { headers, body, ...rest } = delivery
  const { id } = await db
    .insertInto('webhook_delivery')
    .values({
      ...rest,
      headers: JSON.stringify(headers),
      body: body && body.subarray(0, KEPT_BODY_BYTES),
      received_at: now,
      outcome: 'processing',
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

export async function finishDelivery(
  db: Db,
  id: number,
  { outcome, reason, decisions }: DeliveryResult,
): Promise<void> {
  await db
    .updateTable('webhook_delivery')
    .set({ outcome, reason, decisions: JSON.stringify(decisions) })
    .where('id', '=', id)
    .execute()
}

/** Lists the deliveries of a project, latest first, without their bodies. */
export async function listDeliveries(
  db: Db,
  project_id: number,
  { limit, offset, descending = true }: { limit: number; offset: number; descending?: boolean },
): Promise<Omit<Delivery, 'body' | 'headers'>[]> {
  return await db
    .selectFrom('webhook_delivery')
    .select(['id', 'project_id', 'received_at', 'forge', 'event', 'delivery_key', 'remote_address'])
    .select([
      'package_name',
      'dirname',
      'body_bytes',
      'outcome',
      'reason',
      'decisions',
      'replay_of',
    ])
    .where('project_id', '=', project_id)
    .orderBy('id', descending ? 'desc' : 'asc')
    .limit(limit)
    .offset(offset)
    .execute()
}

export async function findDelivery(
  db: Db,
  project_id: number,
  id: number,
): Promise<Delivery | undefined> {
  return await db
    .selectFrom('webhook_delivery')
    .selectAll()
    .where('project_id', '=', project_id)
    .where('id', '=', id)
    .executeTakeFirst()
}

/** Records who replayed a delivery. */
export async function auditReplay(
  db: Db,
  actor: Actor,
  { project, id }: { project: { id: number; ownername: string; name: string }; id: number },
  now: Date,
): Promise<void> {
  const subject = `${project.ownername}/${project.name}`
  const details = { delivery: id }
  await audit(
    db,
    actor,
    { action: 'webhook.replay', project_id: project.id, subject, details },
    now,
  )
}

/** Deletes deliveries older than `KEPT_DAYS`, and all but the newest `KEPT_FOR_PROJECT` of each project. */
export async function dropOldReceived(db: Db, now: Date): Promise<void> {
  const before = new Date(now.getTime() - KEPT_DAYS * DAY_MS)
  await db.deleteFrom('webhook_delivery').where('received_at', '<', before).execute()
  await sql`
    delete from webhook_delivery using (
      select project_id, (array_agg(id order by id desc))[${sql.lit(KEPT_FOR_PROJECT)}] as oldest_kept
      from webhook_delivery group by project_id having count(*) > ${KEPT_FOR_PROJECT}
    ) as full_log
    where webhook_delivery.project_id = full_log.project_id
      and webhook_delivery.id < full_log.oldest_kept`.execute(db)
}
