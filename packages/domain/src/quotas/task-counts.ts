import { sql } from 'kysely'
import type { Db } from '../database/open.ts'

/** An owner, or, if `id` is set, one of the owner's projects. */
export interface QuotaCounted {
  ownername: string
  id?: number
}

/**
 * Counts the waiting tasks of an owner, or of one project. Reads only the owner's entries in the indexes `task_waiting_owner` and
 * `task_parked`, whose number the quota limits.
 */
export async function waitingTasks(db: Db, { ownername, id }: QuotaCounted): Promise<number> {
  const counted = sql`kind in ('source', 'import', 'rpm') and ownername = ${ownername}
    and ${id === undefined ? sql`true` : sql`project_id = ${id}`}`
  const { rows } = await sql<{ count: number }>`
    select (select count(*)::int from task where state = 'queued' and ${counted})
      + (select count(*)::int from task where state = 'parked' and ${counted}) as count`.execute(db)
  return rows[0]?.count ?? 0
}

/** Counts the tasks that are running on builders. */
export async function runningTasksOf(db: Db, { ownername, id }: QuotaCounted): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from task
    where state = 'leased' and kind in ('source', 'rpm') and ownername = ${ownername}
      and ${id === undefined ? sql`true` : sql`project_id = ${id}`}`.execute(db)
  return rows[0]?.count ?? 0
}
