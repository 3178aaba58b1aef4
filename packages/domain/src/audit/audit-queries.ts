import type { Selectable } from 'kysely'
import type { Db } from '../database/open.ts'
import type { AuditLogTable } from '../database/schema.ts'

export type AuditEntry = Selectable<AuditLogTable>

export interface AuditFilter {
  project_id?: number | undefined
  user_id?: number | undefined
  /** The actor's name: a username, `coprctl`, `webhook`, `system`. */
  actor?: string | undefined
  /** Return only entries that are older than this one; for paging, the ID of the last entry of the previous page. */
  before_id?: number | undefined
}

/** Lists audit log entries, newest first. */
export async function listAudit(
  db: Db,
  { project_id, user_id, actor, before_id }: AuditFilter,
  limit: number,
): Promise<AuditEntry[]> {
  const user = actor === undefined ? undefined : await userNamed(db, actor)
  let query = db.selectFrom('audit_log').selectAll().orderBy('id', 'desc').limit(limit)
  if (project_id !== undefined) query = query.where('project_id', '=', project_id)
  if (user_id !== undefined) query = query.where('user_id', '=', user_id)
  if (user) query = query.where('user_id', '=', user.id)
  else if (actor !== undefined) query = query.where('actor', '=', actor)
  if (before_id !== undefined) query = query.where('id', '<', before_id)
  return await query.execute()
}

async function userNamed(db: Db, username: string): Promise<{ id: number } | undefined> {
  return await db
    .selectFrom('user_account')
    .select('id')
    .where('username', '=', username)
    .executeTakeFirst()
}
