import { type RawBuilder, sql, type Updateable } from 'kysely'
import type { Tx } from '../database/open.ts'
import type { TaskTable } from '../database/schema.ts'
import { expectedBefore, statesBefore, type Transitions } from './transitions.ts'
import type { TaskState } from '../database/state-columns.ts'

/** `queued` follows `leased` when the lease expired or its holder gave the task back. A task begins as `queued`. */
export const TASK_TRANSITIONS: Transitions<TaskState> = {
  queued: ['leased', 'done'],
  leased: ['queued', 'done'],
  done: [],
}

export interface TaskMove {
  to: Exclude<TaskState, 'leased'>
  /** Default: all states from which `to` can be reached. */
  from?: readonly TaskState[]
  set?: Updateable<TaskTable>
}

/**
 * Moves those of the tasks that are in one of the states `from`, and returns their ids. Their builds must be locked. Throws
 * when a transition is not allowed. `leasing()` moves to `leased`.
 */
export async function moveTasks(
  tx: Tx,
  ids: readonly number[],
  { to, from, set = {} }: TaskMove,
): Promise<number[]> {
  const before = expectedBefore(TASK_TRANSITIONS, to, from)
  if (ids.length === 0) return []
  const moved = await tx
    .updateTable('task')
    .set({ ...set, state: to } as Updateable<TaskTable>)
    .where('id', 'in', ids)
    .where('state', 'in', before)
    .returning('id')
    .execute()
  return moved.map(({ id }) => id)
}

/** Ends those of the tasks that are queued; the agents of those that run learn of it by their next heartbeat. */
export async function cancelTasks(tx: Tx, ids: readonly number[]): Promise<void> {
  await moveTasks(tx, ids, { to: 'done', from: ['queued'] })
  if (ids.length === 0) return
  await tx
    .updateTable('task')
    .set({ cancel_requested: true })
    .where('id', 'in', ids)
    .where('state', '=', 'leased')
    .execute()
}

export interface Leasing {
  lease: string
  now: Date
  lease_seconds: number
  /** Null: the backend itself. */
  machine_id: number | null
}

/** The statement that leases the tasks of the query `next`, which has locked them and has their `id`. Returns all columns. */
export function leasing({ lease, now, lease_seconds, machine_id }: Leasing): RawBuilder<unknown> {
  const until = new Date(now.getTime() + lease_seconds * 1000)
  const before = sql.join(statesBefore(TASK_TRANSITIONS, 'leased').map((state) => sql.lit(state)))
  return sql`
    update task set state = 'leased', lease = ${lease}, lease_until = ${until}, leased_at = ${now},
      machine_id = ${machine_id}, attempts = attempts + 1, phase = null
    from next where task.id = next.id and task.state in (${before})
    returning task.*`
}
