import { randomUUID } from 'node:crypto'
import { audit } from '../audit/audit.ts'
import type { Db } from '../database/open.ts'
import type { Actor } from '../audit/actor.ts'
import type { Project } from './project-queries.ts'

/** Replaces the secret that a project's webhooks carry in their URL; returns the new one. */
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
