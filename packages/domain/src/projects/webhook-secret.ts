import type { PullRequests } from '@copr/contract/api/webhooks'
import { randomUUID } from 'node:crypto'
import { audit } from '../audit/audit.ts'
import type { Db } from '../database/open.ts'
import type { Actor } from '../audit/actor.ts'
import type { Project } from './project-queries.ts'

/** Replaces the secret in the URLs of a project's webhooks; returns the new secret. */
export async function makeWebhookSecret(
  db: Db,
  actor: Actor,
  { id, ownername, name }: Pick<Project, 'id' | 'ownername' | 'name'>,
  now: Date,
): Promise<string> {
  const webhook_secret = randomUUID()
  await db.transaction().execute(async (tx) => {
    await tx.updateTable('project').set({ webhook_secret }).where('id', '=', id).execute()
    const subject = `${ownername}/${name}`
    await audit(tx, actor, { action: 'webhook.new_secret', project_id: id, subject }, now)
  })
  return webhook_secret
}

/** Changes to the webhook settings of a project; undefined fields are not changed. */
export interface WebhookChanges {
  signed_only?: boolean | undefined
  pull_requests?: PullRequests | undefined
}

/** Changes only the settings that are given. */
export async function changeWebhookSettings(
  db: Db,
  actor: Actor,
  { id, ownername, name }: Pick<Project, 'id' | 'ownername' | 'name'>,
  { changes, now }: { changes: WebhookChanges; now: Date },
): Promise<void> {
  const { signed_only, pull_requests } = changes
  const set = {
    ...(signed_only === undefined ? {} : { webhook_signed_only: signed_only }),
    ...(pull_requests === undefined ? {} : { webhook_pull_requests: pull_requests }),
  }
  if (Object.keys(set).length === 0) return
  await db.transaction().execute(async (tx) => {
    await tx.updateTable('project').set(set).where('id', '=', id).execute()
    const subject = `${ownername}/${name}`
    const change = { action: 'webhook.settings', project_id: id, subject, details: set }
    await audit(tx, actor, change, now)
  })
}
