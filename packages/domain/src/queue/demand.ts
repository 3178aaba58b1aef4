import { sql } from 'kysely'
import type { Db } from '../database/open.ts'
import { BACKGROUND } from './insert-task.ts'

/** A group of waiting tasks that are equal in everything that matters for the choice of a machine. */
export interface Demand {
  /** Null if any architecture will do. */
  readonly arch: string | null
  readonly tags: string[]
  /** Minimum memory of a suitable offering; null if any will do. */
  readonly min_memory_mb: number | null
  readonly ownername: string
  readonly project_id: number
  readonly sandbox: string
  readonly is_background: boolean
  readonly tasks: number
  readonly oldest: Date
}

/** The number of running builder tasks in a group, for fairness and limits. */
export interface RunningTasks {
  readonly ownername: string
  readonly project_id: number
  readonly sandbox: string
  readonly arch: string | null
  readonly tasks: number
}

/** Groups the queued tasks that builders could start now. Leaves out tasks that an earlier batch or `not_before` blocks. */
export async function waitingDemand(db: Db, now: Date): Promise<Demand[]> {
  const { rows } = await sql<Demand>`
    select task.arch, task.tags, task.min_memory_mb, task.ownername, task.project_id, task.sandbox, task.priority >= ${BACKGROUND} as is_background,
      count(*)::int as tasks, min(task.queued_at) as oldest
    from task join build on build.id = task.build_id
    where task.state = 'queued' and task.kind in ('source', 'rpm')
      and (task.not_before is null or task.not_before <= ${now})
      and (build.batch_id is null or not exists (
        select from batch join build earlier on earlier.batch_id = batch.blocked_by
        where batch.id = build.batch_id and earlier.finished_at is null))
    group by 1, 2, 3, 4, 5, 6, 7
    order by min(task.queued_at), 4, 6`.execute(db)
  return rows
}

export async function runningTasks(db: Db): Promise<RunningTasks[]> {
  const { rows } = await sql<RunningTasks>`
    select ownername, project_id, sandbox, arch, count(*)::int as tasks from task
    where state = 'leased' and kind in ('source', 'rpm') group by 1, 2, 3, 4`.execute(db)
  return rows
}
