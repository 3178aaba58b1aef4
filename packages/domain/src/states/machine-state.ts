import { type Selectable, type Updateable, sql } from 'kysely'
import type { Db, Tx } from '../database/open.ts'
import type { MachineTable } from '../database/schema.ts'
import { addEvent } from './machine-events.ts'
import { requireAllowed, type Transitions } from './transitions.ts'
import type { MachineState } from '../database/state-columns.ts'

export type Machine = Selectable<MachineTable>

/**
 * From each state, those it may move to. Leased and cleaning are not states: they follow from tasks and `needs_cleaning`.
 * - `planned`: a row only, nothing was asked of a cloud with its token
 * - `launching`: a start may have reached the cloud
 * - `booting`: exists, has not enrolled
 * - `ready`: enrolled
 * - `draining`: gets no further task
 * - `deleting`: its session has ended; its provider is asked until a listing proves that it is gone
 */
export const MACHINE_TRANSITIONS: Transitions<MachineState> = {
  planned: ['launching', 'gone'],
  launching: ['planned', 'booting', 'ready', 'deleting', 'gone'],
  booting: ['ready', 'deleting', 'gone'],
  ready: ['draining', 'deleting', 'gone'],
  draining: ['deleting', 'gone'],
  deleting: ['gone'],
  gone: [],
}

/** When a machine came into a state, where there is a column for it. */
const TIME_OF = {
  launching: 'launching_at',
  booting: 'booting_at',
  draining: 'draining_at',
  deleting: 'deleting_at',
  gone: 'gone_at',
} as const satisfies Partial<Record<MachineState, keyof MachineTable>>

export interface MachineMove {
  to: MachineState
  now: Date
  /** For the audit: why. */
  text?: string
  set?: Updateable<MachineTable>
}

type SeenMachine = Pick<Machine, 'id' | 'state' | 'version'>

/**
 * Moves a machine if it is still as the caller has read it; undefined when another writer was faster. Throws when the
 * transition is not allowed. A machine that ends loses its session in the same transaction.
 */
export async function moveMachine(
  db: Db,
  seen: SeenMachine,
  move: MachineMove,
): Promise<Machine | undefined> {
  return await db.transaction().execute(async (tx) => await moveMachineIn(tx, seen, move))
}

/** `moveMachine()` as a part of a transaction. */
export async function moveMachineIn(
  tx: Tx,
  seen: SeenMachine,
  { to, now, text = '', set = {} }: MachineMove,
): Promise<Machine | undefined> {
  requireAllowed(MACHINE_TRANSITIONS, seen.state, to)
  const time = to in TIME_OF ? { [TIME_OF[to as keyof typeof TIME_OF]]: now } : {}
  const isEnd = to === 'deleting' || to === 'gone'
  const end = { enroll_token_hash: null, session_token_hash: null, launch_order: null }
  const moved = await tx
    .updateTable('machine')
    .set({
      ...time,
      ...(isEnd ? end : {}),
      ...set,
      state: to,
      version: sql<number>`version + 1`,
    } as object as Updateable<MachineTable>)
    .where('id', '=', seen.id)
    .where('state', '=', seen.state)
    .where('version', '=', seen.version)
    .returningAll()
    .executeTakeFirst()
  // Machines that nobody manages have no history.
  if (moved && moved.provider !== null) await addEvent(tx, moved, to, text, now)
  return moved
}

/** Changes a machine that is still as it was seen, without moving it. */
export async function changeMachine(
  db: Db,
  seen: SeenMachine,
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
