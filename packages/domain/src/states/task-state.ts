import { type RawBuilder, sql, type Updateable } from 'kysely'
import type { Tx } from '../database/open.ts'
import type { TaskTable } from '../database/schema.ts'
import { expectedBefore, statesBefore, type Transitions } from './transitions.ts'
import type { TaskState } from '../database/state-columns.ts'

/**
 * The states of a task. The initial state is `queued`; a task returns to it if its lease expires or its holder gives it back. Tasks of a
 * chain are initially `parked`, and return to that state if requirements are missing; the chain moves them to `queued`.
 */
export const TASK_TRANSITIONS: Transitions<TaskState> = {
  parked: ['queued', 'done'],
  queued: ['leased', 'done'],
  leased: ['parked', 'queued', 'done'],
  done: [],
}

export interface TaskMove {
  to: Exclude<TaskState, 'leased'>
  /** The expected states before the move. Default: all from which `to` can be reached. */
  from?: readonly TaskState[]
  set?: Updateable<TaskTable>
}

/**
 * Moves those of the tasks that are in one of the states `from` to the state `to`; returns their IDs. The caller must have locked their
 * builds. Throws if a transition is not allowed. Only `leasing()` moves tasks to `leased`.
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

/** Ends waiting tasks at once; the agents of running tasks learn of the cancellation with their next heartbeat. */
export async function cancelTasks(tx: Tx, ids: readonly number[]): Promise<void> {
  await moveTasks(tx, ids, { to: 'done', from: ['parked', 'queued'] })
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
  /** Null if the backend itself runs the task. */
  machine_id: number | null
}

/**
 * Builds an UPDATE that leases the tasks whose `id` the common table expression `next` has selected and locked. The statement returns all
 * columns.
 */
export function leasing({ lease, now, lease_seconds, machine_id }: Leasing): RawBuilder<unknown> {
  const until = new Date(now.getTime() + lease_seconds * 1000)
  const before = sql.join(statesBefore(TASK_TRANSITIONS, 'leased').map((state) => sql.lit(state)))
  return sql`
    update task set state = 'leased', lease = ${lease}, lease_until = ${until}, leased_at = ${now},
      machine_id = ${machine_id}, attempts = attempts + 1, phase = null
    from next where task.id = next.id and task.state in (${before})
    returning task.*`
}
