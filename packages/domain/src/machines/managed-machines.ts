import { sql } from 'kysely'
import type { Db } from '../database/open.ts'
import type { Machine } from '../states/machine-state.ts'

/** A machine with what it does. */
export interface ManagedMachine extends Machine {
  /** The task that it does; null: none. */
  task_id: string | null
}

/** All machines that a manager cares for, with their tasks: one query, however many there are. */
export async function managedMachines(db: Db): Promise<ManagedMachine[]> {
  const { rows } = await sql<ManagedMachine>`
    select machine.*, task.task_id from machine
    left join task on task.machine_id = machine.id and task.state = 'leased'
    where machine.state <> 'gone' and machine.provider is not null
    order by machine.id`.execute(db)
  return rows
}

/** Builders that nobody manages: what they can do needs no machine of a pool, and what an idle one does not at all. */
export interface OtherBuilder {
  readonly arches: string[]
  readonly tags: string[]
  readonly is_idle: boolean
}

export async function otherBuilders(db: Db, seen_after: Date): Promise<OtherBuilder[]> {
  const { rows } = await sql<OtherBuilder>`
    select arches, tags,
      not exists (select from task where task.machine_id = machine.id and task.state = 'leased') as is_idle
    from machine
    where state = 'ready' and provider is null and 'rpm' = any(kinds) and last_seen_at > ${seen_after}`.execute(
    db,
  )
  return rows
}

/** Stores a machine's id and data at its provider, whatever its state. Does nothing if it has an id, or was launched again since. */
export async function noteProviderId(
  db: Db,
  { id, launch_token }: { id: number; launch_token: string | null },
  { provider_id, data }: { provider_id: string; data: Record<string, unknown> },
): Promise<void> {
  await db
    .updateTable('machine')
    .set({ provider_id, provider_data: JSON.stringify(data) })
    .where('id', '=', id)
    .where('launch_token', '=', launch_token)
    .where('provider_id', 'is', null)
    .execute()
}

/** Machines that have ended and still hold a task: the manager was killed in between. */
export async function endedWithTasks(
  db: Db,
): Promise<{ id: number; ended_cause: string | null; failure_class: string | null }[]> {
  return await db
    .selectFrom('machine')
    .innerJoin('task', 'task.machine_id', 'machine.id')
    .select(['machine.id', 'machine.ended_cause', 'machine.failure_class'])
    .distinct()
    .where('task.state', '=', 'leased')
    .where('machine.state', 'in', ['deleting', 'gone'])
    .execute()
}

/** Machines by id, living or not. */
export async function machinesById(db: Db, ids: number[]): Promise<Map<number, Machine>> {
  const rows = await db
    .selectFrom('machine')
    .selectAll()
    .where('id', '=', sql<number>`any(${ids}::bigint[])`)
    .execute()
  return new Map(rows.map((row) => [row.id, row]))
}

/** Seen in a listing. */
export async function noteListed(db: Db, ids: number[], now: Date): Promise<void> {
  if (ids.length === 0) return
  await db
    .updateTable('machine')
    .set({ last_listed_at: now, absent_since: null })
    .where('id', '=', sql<number>`any(${ids}::bigint[])`)
    .execute()
}

/** Missing in a listing for the first time. */
export async function noteAbsent(db: Db, id: number, since: Date): Promise<void> {
  await db
    .updateTable('machine')
    .set({ absent_since: since })
    .where('id', '=', id)
    .where('absent_since', 'is', null)
    .execute()
}
