import { sql } from 'kysely'
import type { Db } from '../database/open.ts'

export interface QueueCount {
  kind: string
  state: string
  tasks: number
  oldest_seconds: number
}

/** Counts the unfinished tasks by kind and state, for monitoring. */
export async function queueCounts(db: Db): Promise<QueueCount[]> {
  return await db
    .selectFrom('task')
    .select(({ fn }) => [
      'kind',
      'state',
      fn.countAll<number>().as('tasks'),
      sql<number>`extract(epoch from max(now() - queued_at))::float8`.as('oldest_seconds'),
    ])
    .where('state', '!=', 'done')
    .groupBy(['kind', 'state'])
    .orderBy('kind')
    .orderBy('state')
    .execute()
}
