import { sql } from 'kysely'
import type { Db } from '../database/open.ts'
import type { Machine } from './machines.ts'

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

/** Idle builders that nobody manages: tasks that they can do need no machine of a pool. */
export async function idleUnmanaged(
  db: Db,
  seen_after: Date,
): Promise<{ arches: string[]; tags: string[] }[]> {
  const { rows } = await sql<{ arches: string[]; tags: string[] }>`
    select arches, tags from machine
    where state = 'ready' and provider is null and 'rpm' = any(kinds) and last_seen_at > ${seen_after}
      and not exists (select from task where task.machine_id = machine.id and task.state = 'leased')`.execute(
    db,
  )
  return rows
}

/** Machines that have ended, or lost their provider's promise, and still hold a task. */
export async function endedWithTasks(
  db: Db,
): Promise<{ id: number; ended_cause: string | null }[]> {
  return await db
    .selectFrom('machine')
    .innerJoin('task', 'task.machine_id', 'machine.id')
    .select(['machine.id', 'machine.ended_cause'])
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
