import { type Selectable, type Updateable, sql } from 'kysely'
import type { Db, Tx } from '../database/open.ts'
import type { MachineTable } from '../database/schema.ts'
import { addEvent } from './machine-events.ts'
import { requireAllowed, type Transitions } from './transitions.ts'
import type { MachineState } from '../database/state-columns.ts'

export type Machine = Selectable<MachineTable>

/**
 * The states of a machine. Leased and cleaning are not states, because they follow from the machine's task and from `needs_cleaning`.
 * - `planned`: only the row exists; no launch request has been sent with its token
 * - `launching`: a launch request may have reached the cloud
 * - `booting`: the machine exists, but has not enrolled
 * - `ready`: it has enrolled
 * - `draining`: it gets no more tasks
 * - `deleting`: its session has ended; the deletion is retried until the provider's listing no longer contains the machine
 * - `gone`: it no longer exists
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

/** The columns that store when a machine entered a state. */
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
  /** The reason for the move, for the machine's event. */
  text?: string
  set?: Updateable<MachineTable>
}

type SeenMachine = Pick<Machine, 'id' | 'state' | 'version'>

/**
 * Moves a machine to another state (compare-and-set); returns undefined if the machine has changed since the caller read it. Throws if the
 * transition is not allowed. If the machine ends, its session ends in the same transaction.
 */
export async function moveMachine(
  db: Db,
  seen: SeenMachine,
  move: MachineMove,
): Promise<Machine | undefined> {
  return await db.transaction().execute(async (tx) => await moveMachineIn(tx, seen, move))
}

/** Runs `moveMachine()` within the caller's transaction. */
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
  // Unmanaged machines have no event history.
  if (moved && moved.provider !== null) await addEvent(tx, moved, to, text, now)
  return moved
}

/**
 * Changes columns of a machine other than its state (compare-and-set); returns undefined if the machine has changed since the caller read
 * it.
 */
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
