import { CoprError } from '@copr/process/errors'
import { sql } from 'kysely'
import { notify } from '../database/notify.ts'
import type { Db } from '../database/open.ts'
import type { Delivery } from '../outbox/queues.ts'
import type { Project } from '../projects/project-queries.ts'
import type { ProjectWebhook } from './project-webhooks.ts'

/** Maximum number of characters of a response that are kept in the log. */
const MAX_ANSWER = 1000

/** Lists deliveries to a webhook, newest first. With `before_id`, only those older than that delivery. */
export async function listDeliveries(
  db: Db,
  webhook_id: number,
  { before_id, limit }: { before_id?: number | undefined; limit: number },
): Promise<Delivery[]> {
  return await db
    .selectFrom('outbox')
    .innerJoin('outbox_queue', 'outbox_queue.id', 'outbox.queue_id')
    .selectAll('outbox')
    .where('outbox_queue.webhook_id', '=', webhook_id)
    .$if(before_id !== undefined, (query) => query.where('outbox.id', '<', before_id ?? 0))
    .orderBy('outbox.id', 'desc')
    .limit(limit)
    .execute()
}

/**
 * Sends a delivery again, as a new delivery with the same message id, so that receivers recognize the repetition. Returns the id of the new
 * delivery.
 */
export async function resendDelivery(
  db: Db,
  {
    project,
    delivery_id,
    now,
  }: {
    project: Pick<Project, 'id'>
    delivery_id: number
    now: Date
  },
): Promise<number> {
  const missing = new CoprError('not_found', `There is no delivery with the ID ${delivery_id}`)
  if (!Number.isSafeInteger(delivery_id)) throw missing
  return await db.transaction().execute(async (tx) => {
    const found = await tx
      .selectFrom('outbox')
      .innerJoin('outbox_queue', 'outbox_queue.id', 'outbox.queue_id')
      .innerJoin('project_webhook', 'project_webhook.id', 'outbox_queue.webhook_id')
      .select(['outbox.outcome', 'outbox_queue.is_enabled'])
      .where('outbox.id', '=', delivery_id)
      .where('project_webhook.project_id', '=', project.id)
      .executeTakeFirst()
    if (!found) throw missing
    if (found.outcome === null)
      throw new CoprError('conflict', 'Cannot resend the delivery: it has not ended yet')
    if (!found.is_enabled)
      throw new CoprError(
        'conflict',
        'Cannot resend the delivery: the webhook is disabled; enable it first',
      )
    const { rows } = await sql<{ id: number }>`
      insert into outbox (queue_id, ordering, message_id, event, data, created_at)
      select queue_id, 'resent ' || gen_random_uuid(), message_id, event, data, ${now} from outbox
      where id = ${delivery_id}
      returning id`.execute(tx)
    await notify(tx, 'copr_outbox')
    return rows[0]?.id ?? 0
  })
}

/** A webhook with the names of its project and of the project's owner. */
export type WebhookTarget = ProjectWebhook & Pick<Project, 'ownername' | 'name'>

export async function webhookTarget(
  db: Db,
  webhook_id: number,
): Promise<WebhookTarget | undefined> {
  return await db
    .selectFrom('project_webhook')
    .innerJoin('project', 'project.id', 'project_webhook.project_id')
    .selectAll('project_webhook')
    .select(['project.ownername', 'project.name'])
    .where('project_webhook.id', '=', webhook_id)
    .executeTakeFirst()
}

/** An attempt to deliver an event. `status` is null if there was no response; `answer` is the beginning of the response, or the error. */
export interface Attempt {
  outcome: 'delivered' | 'failed' | 'retry'
  status: number | null
  answer: string
  /** The time from which a refused delivery may be tried again. */
  not_before?: Date | undefined
}

export async function recordAttempt(
  db: Db,
  id: number,
  { outcome, status, answer, not_before }: Attempt,
  now: Date,
): Promise<void> {
  await db
    .updateTable('outbox')
    .set({
      attempts: sql<number>`attempts + 1`,
      status,
      answer: answer.slice(0, MAX_ANSWER),
      not_before: not_before ?? null,
      ...(outcome === 'retry' ? {} : { outcome, ended_at: now }),
    })
    .where('id', '=', id)
    .where('outcome', 'is', null)
    .execute()
}
