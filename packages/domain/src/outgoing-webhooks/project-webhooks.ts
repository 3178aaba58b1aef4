import { type BuildEvent, TEST_EVENT } from '@copr/contract/events'
import { CoprError } from '@copr/process/errors'
import { type Selectable, sql } from 'kysely'
import { audit } from '../audit/audit.ts'
import type { Actor } from '../audit/actor.ts'
import { notify } from '../database/notify.ts'
import type { Db, Tx } from '../database/open.ts'
import type { ProjectWebhookTable } from '../database/schema.ts'
import { announceMail } from '../outbox/announce.ts'
import { projectAdmins } from '../outbox/mail-recipient.ts'
import type { Project } from '../projects/project-queries.ts'

const MAX_WEBHOOKS = 20
/** How long deliveries are also signed with the previous secret after it was replaced. */
const OLD_SECRET_MS = 86_400_000

export type ProjectWebhook = Selectable<ProjectWebhookTable>
type Owner = Pick<Project, 'id' | 'ownername' | 'name'>

/** A webhook with the state of its deliveries. */
export interface WebhookStatus extends ProjectWebhook {
  waiting: number
  failing_since: Date | null
  retry_at: Date | null
  last_error: string | null
}

/** The context in which keygen seals a webhook's secret. */
export function webhookContext({ id }: Pick<Project, 'id'>): string {
  return `outgoing webhook of project ${id}`
}

export async function listWebhooks(db: Db, project_id: number): Promise<WebhookStatus[]> {
  const { rows } = await sql<WebhookStatus>`
    select project_webhook.*, failing_since, retry_at, last_error,
      (select count(*)::int from outbox where queue_id = queue.id and outcome is null) as waiting
    from project_webhook join outbox_queue queue on queue.webhook_id = project_webhook.id
    where project_id = ${project_id} order by project_webhook.id`.execute(db)
  return rows
}

/** Returns a webhook of this project; throws `not_found` if it has none with this id. */
export async function requireWebhook(
  db: Db,
  { id, ownername, name }: Owner,
  webhook_id: number,
): Promise<WebhookStatus> {
  const found = (await listWebhooks(db, id)).find((webhook) => webhook.id === webhook_id)
  if (!found)
    throw new CoprError(
      'not_found',
      `${ownername}/${name} has no webhook with the ID ${webhook_id}`,
    )
  return found
}

export interface NewWebhook {
  url: string
  events: BuildEvent[]
  sealed_secret: Buffer
}

export async function addWebhook(
  db: Db,
  actor: Actor,
  { project, webhook, now }: { project: Owner; webhook: NewWebhook; now: Date },
): Promise<number> {
  return await db.transaction().execute(async (tx) => {
    await tx.selectFrom('project').select('id').where('id', '=', project.id).forUpdate().execute()
    const { count } = await tx
      .selectFrom('project_webhook')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('project_id', '=', project.id)
      .executeTakeFirstOrThrow()
    if (count >= MAX_WEBHOOKS)
      throw new CoprError(
        'conflict',
        `Cannot add a webhook: the project has ${count}, which is the limit; delete one first`,
      )
    const { id } = await tx
      .insertInto('project_webhook')
      .values({ ...webhook, project_id: project.id, created_at: now })
      .returning('id')
      .executeTakeFirstOrThrow()
    await tx.insertInto('outbox_queue').values({ channel: 'webhook', webhook_id: id }).execute()
    const { url, events } = webhook
    await note(tx, actor, { project, action: 'add', details: { id, url, events }, now })
    return id
  })
}

export interface WebhookChange {
  url?: string | undefined
  events?: BuildEvent[] | undefined
  is_enabled?: boolean | undefined
}

/** Changes a webhook. Enabling it or changing its URL ends any backoff, so that the next event is sent at once. */
export async function editWebhook(
  db: Db,
  actor: Actor,
  { project, id, change, now }: { project: Owner; id: number; change: WebhookChange; now: Date },
): Promise<void> {
  const { url, events, is_enabled } = change
  await db.transaction().execute(async (tx) => {
    await requireWebhook(tx, project, id)
    const fields = {
      ...(url === undefined ? {} : { url }),
      ...(events === undefined ? {} : { events }),
      ...(is_enabled === true ? { disabled_reason: null, disabled_at: null } : {}),
    }
    if (Object.keys(fields).length > 0)
      await tx.updateTable('project_webhook').set(fields).where('id', '=', id).execute()
    if (url !== undefined || is_enabled === true)
      await tx
        .updateTable('outbox_queue')
        .set({
          retry_at: null,
          failures: 0,
          failing_since: null,
          last_error: null,
          ...(is_enabled === true ? { is_enabled } : {}),
        })
        .where('webhook_id', '=', id)
        .execute()
    if (is_enabled === false) await disable(tx, id, `Disabled by ${actor.username}`, now)
    await note(tx, actor, { project, action: 'edit', details: { id, ...change }, now })
    await notify(tx, 'copr_outbox')
  })
}

/** Disables a webhook whose receiver has failed for too long or wants no more events, and notifies the project's admins by mail. */
export async function disableWebhook(
  db: Db,
  actor: Actor,
  {
    project,
    webhook,
    reason,
    now,
  }: {
    project: Owner
    webhook: Pick<ProjectWebhook, 'id' | 'url'>
    reason: string
    now: Date
  },
): Promise<void> {
  const { id, url } = webhook
  await db.transaction().execute(async (tx) => {
    await disable(tx, id, reason, now)
    await note(tx, actor, { project, action: 'disable', details: { id, reason }, now })
    const { ownername, name: projectname } = project
    await announceMail(tx, 'webhook.disabled', {
      recipients: await projectAdmins(tx, project.id),
      data: { ownername, projectname, url, reason },
      now,
    })
  })
}

/** Also marks waiting events as failed, because they would be outdated by the time the webhook is enabled again. Each can be resent. */
async function disable(tx: Tx, id: number, disabled_reason: string, now: Date): Promise<void> {
  await tx
    .updateTable('project_webhook')
    .set({ disabled_reason, disabled_at: now })
    .where('id', '=', id)
    .where('disabled_at', 'is', null)
    .execute()
  await tx
    .updateTable('outbox_queue')
    .set({ is_enabled: false })
    .where('webhook_id', '=', id)
    .execute()
  await sql`update outbox set outcome = 'failed', ended_at = ${now}, answer = coalesce(answer, 'The webhook was disabled')
    where outcome is null and queue_id = (select id from outbox_queue where webhook_id = ${id})`.execute(
    tx,
  )
}

/**
 * Replaces the secret. For one more day, deliveries are also signed with the previous secret, so that none is lost while the receiver is
 * being updated.
 */
export async function replaceWebhookSecret(
  db: Db,
  actor: Actor,
  {
    project,
    id,
    sealed_secret,
    now,
  }: {
    project: Owner
    id: number
    sealed_secret: Buffer
    now: Date
  },
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const { sealed_secret: previous_secret } = await requireWebhook(tx, project, id)
    const previous_until = new Date(now.getTime() + OLD_SECRET_MS)
    await tx
      .updateTable('project_webhook')
      .set({ sealed_secret, previous_secret, previous_until })
      .where('id', '=', id)
      .execute()
    await note(tx, actor, { project, action: 'new_secret', details: { id }, now })
  })
}

export async function deleteWebhook(
  db: Db,
  actor: Actor,
  { project, id, now }: { project: Owner; id: number; now: Date },
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const { url } = await requireWebhook(tx, project, id)
    await tx.deleteFrom('project_webhook').where('id', '=', id).execute()
    await note(tx, actor, { project, action: 'delete', details: { id, url }, now })
  })
}

/** Queues a test delivery, with which users check whether the receiver works; returns its id. */
export async function testWebhook(
  db: Db,
  { project, id, now }: { project: Owner; id: number; now: Date },
): Promise<number> {
  const { disabled_at } = await requireWebhook(db, project, id)
  if (disabled_at)
    throw new CoprError('conflict', 'Cannot send a test: the webhook is disabled; enable it first')
  return await db.transaction().execute(async (tx) => {
    const { rows } = await sql<{ id: number }>`
      insert into outbox (queue_id, ordering, event, data, created_at)
      select id, 'test ' || gen_random_uuid(), ${TEST_EVENT},
        jsonb_build_object('ownername', ${project.ownername}::text, 'projectname', ${project.name}::text), ${now}
      from outbox_queue where webhook_id = ${id}
      returning id`.execute(tx)
    await notify(tx, 'copr_outbox')
    return rows[0]?.id ?? 0
  })
}

async function note(
  tx: Tx,
  actor: Actor,
  {
    project,
    action,
    details,
    now,
  }: {
    project: Owner
    action: string
    details: Record<string, unknown>
    now: Date
  },
): Promise<void> {
  const subject = `${project.ownername}/${project.name}`
  const change = { action: `outgoing_webhook.${action}`, project_id: project.id, subject, details }
  await audit(tx, actor, change, now)
}
