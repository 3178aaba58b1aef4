import { sql } from 'kysely'
import type { Db } from '../database/open.ts'
import type { Machine } from '../states/machine-state.ts'

/** A machine with its current task. */
export interface ManagedMachine extends Machine {
  /** The task that the machine runs; null if it is idle. */
  task_id: string | null
}

/** Returns all managed machines with their tasks, in a single query. */
export async function managedMachines(db: Db): Promise<ManagedMachine[]> {
  const { rows } = await sql<ManagedMachine>`
    select machine.*, task.task_id from machine
    left join task on task.machine_id = machine.id and task.state = 'leased'
    where machine.state <> 'gone' and machine.provider is not null
    order by machine.id`.execute(db)
  return rows
}

/**
 * A builder that is not managed. If it is idle, it is expected to take one of the waiting tasks that it can run, and the manager starts no
 * machine for that task.
 */
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

/**
 * Stores the ID and the data that the provider returned, whatever state the machine is in. Does nothing if an ID is already stored, or if
 * the launch is outdated.
 */
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

/** Finds machines that have ended but still hold a task, because the manager was killed before it requeued the task. */
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

/** Loads machines in any state, keyed by id. */
export async function machinesById(db: Db, ids: number[]): Promise<Map<number, Machine>> {
  const rows = await db
    .selectFrom('machine')
    .selectAll()
    .where('id', '=', sql<number>`any(${ids}::bigint[])`)
    .execute()
  return new Map(rows.map((row) => [row.id, row]))
}

/** Records that the provider's listing contained these machines. */
export async function noteListed(db: Db, ids: number[], now: Date): Promise<void> {
  if (ids.length === 0) return
  await db
    .updateTable('machine')
    .set({ last_listed_at: now, absent_since: null })
    .where('id', '=', sql<number>`any(${ids}::bigint[])`)
    .execute()
}

/** Records when a machine was first missing from the provider's listing. */
export async function noteAbsent(db: Db, id: number, since: Date): Promise<void> {
  await db
    .updateTable('machine')
    .set({ absent_since: since })
    .where('id', '=', id)
    .where('absent_since', 'is', null)
    .execute()
}
