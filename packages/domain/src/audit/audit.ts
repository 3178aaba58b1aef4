import type { Db } from '../database/open.ts'
import type { Actor } from './actor.ts'

/** A change to record. It must be described so that the project's owner still understands it a year later. */
export interface Change {
  /** In the form noun.verb: `project.edit`. */
  action: string
  project_id?: number | undefined
  /** The changed object: `dana/telescope`, `build 12`, `user kim`. */
  subject: string
  /** The reason for the change. Default: `actor.reason`. */
  reason?: string | undefined
  /** New values of the changed fields, keyed by field name; never a secret. */
  details?: Record<string, unknown>
}

/** Records a change in the audit log; call it in the transaction that makes the change. */
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
