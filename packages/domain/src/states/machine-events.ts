import type { Selectable } from 'kysely'
import type { Db } from '../database/open.ts'
import type { MachineEventTable } from '../database/schema.ts'

export type MachineEvent = Selectable<MachineEventTable>

/** Records an event of a machine or a pool. For a state change, call it in the same transaction. */
export async function addEvent(
  db: Db,
  { id, pool }: { id: number | null; pool: string },
  kind: string,
  text: string,
  now: Date,
): Promise<void> {
  await db
    .insertInto('machine_event')
    .values({ machine_id: id, pool, at: now, kind, text })
    .execute()
}

/** Lists the events of a machine, oldest first. */
export async function machineEvents(db: Db, machine_id: number): Promise<MachineEvent[]> {
  return await db
    .selectFrom('machine_event')
    .selectAll()
    .where('machine_id', '=', machine_id)
    .orderBy('id')
    .execute()
}

/** Lists the events of a pool, newest first. */
export async function poolEvents(db: Db, pool: string, limit: number): Promise<MachineEvent[]> {
  return await db
    .selectFrom('machine_event')
    .selectAll()
    .where('pool', '=', pool)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
}
