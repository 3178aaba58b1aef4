import { type Updateable, sql } from 'kysely'
import type { Db } from '../database/open.ts'
import type { MachineTable } from '../database/schema.ts'
import { addEvent } from '../machines/machine-events.ts'
import { mayMove, type MachineState } from './machine-state.ts'
import type { Machine } from '../machines/machines.ts'

/** When a machine came into a state, where there is a column for it. */
const TIME_OF = {
  launching: 'launching_at',
  booting: 'booting_at',
  draining: 'draining_at',
  deleting: 'deleting_at',
  gone: 'gone_at',
} as const satisfies Partial<Record<MachineState, keyof MachineTable>>

export interface Move {
  to: MachineState
  now: Date
  /** For the audit: why. */
  text?: string
  set?: Updateable<MachineTable>
}

/**
 * Moves a machine to a state it may reach, if it is still as it was seen; undefined when somebody was faster: then whoever
 * asked looks again. A machine that ends loses its session in the same moment.
 */
export async function moveMachine(
  db: Db,
  seen: Pick<Machine, 'id' | 'pool' | 'state' | 'version'>,
  { to, now, text = '', set = {} }: Move,
): Promise<Machine | undefined> {
  if (!mayMove(seen.state, to)) throw new Error(`A machine cannot go from ${seen.state} to ${to}`)
  const time = to in TIME_OF ? { [TIME_OF[to as keyof typeof TIME_OF]]: now } : {}
  const isEnd = to === 'deleting' || to === 'gone'
  const end = { enroll_token_hash: null, session_token_hash: null, launch_order: null }
  return await db.transaction().execute(async (tx) => {
    const moved = await tx
      .updateTable('machine')
      .set({ ...time, ...(isEnd ? end : {}), ...set, state: to, version: sql<number>`version + 1` })
      .where('id', '=', seen.id)
      .where('state', '=', seen.state)
      .where('version', '=', seen.version)
      .returningAll()
      .executeTakeFirst()
    if (moved) await addEvent(tx, moved, to, text, now)
    return moved
  })
}

/** Changes a machine that is still as it was seen, without moving it. */
export async function changeMachine(
  db: Db,
  seen: Pick<Machine, 'id' | 'state' | 'version'>,
  set: Updateable<MachineTable>,
): Promise<Machine | undefined> {
  return await db
    .updateTable('machine')
    .set({ ...set, version: sql<number>`version + 1` })
    .where('id', '=', seen.id)
    .where('state', '=', seen.state)
    .where('version', '=', seen.version)
    .returningAll()
    .executeTakeFirst()
}
