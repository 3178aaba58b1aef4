import type { Db } from '../database/open.ts'
import type { Actor } from './actor.ts'

/** A change that somebody made, in words that its owner understands a year later. */
export interface Change {
  /** As noun.verb: `project.edit`. */
  action: string
  project_id?: number | undefined
  /** The changed object: `dana/telescope`, `build 12`, `user kim`. */
  subject: string
  /** Why; default: what the actor says of all he does now. */
  reason?: string | undefined
  /** Field to its new value; never a secret. */
  details?: Record<string, unknown>
}

/** Notes a change in the transaction that makes it. */
export async function audit(
  db: Db,
  actor: Actor,
  { action, project_id, subject, reason, details = {} }: Change,
  now: Date,
): Promise<void> {
  await db
    .insertInto('audit_log')
    .values({
      at: now,
      user_id: actor.id,
      actor: actor.username,
      via: actor.via,
      action,
      project_id: project_id ?? null,
      subject,
      reason: reason ?? actor.reason ?? null,
      details: JSON.stringify(details),
    })
    .execute()
}
