import { CoprError } from '@copr/process/errors'
import { type Updateable, sql } from 'kysely'
import { notify } from '../database/notify.ts'
import type { Db } from '../database/open.ts'
import type { MachineTable } from '../database/schema.ts'
import { moveMachineIn, type Machine } from '../states/machine-state.ts'
import { addEvent } from '../states/machine-events.ts'

// These are operations for administrators. The machine manager reacts to them within seconds.

/** Drains a machine: it finishes its task, and is then removed. */
export async function drainMachine(db: Db, id: number, why: string, now: Date): Promise<void> {
  const drained = await db.transaction().execute(async (tx) => {
    const machine = await tx
      .selectFrom('machine')
      .selectAll()
      .where('id', '=', id)
      .where('state', '=', 'ready')
      .where('provider', 'is not', null)
      .forUpdate()
      .executeTakeFirst()
    if (!machine) return undefined
    const set = { ended_cause: why }
    await notify(tx, 'copr_machine')
    return await moveMachineIn(tx, machine, { to: 'draining', now, text: why, set })
  })
  if (!drained) throw new CoprError('conflict', `Cannot drain machine ${id}: it is not ready`)
}

/** Cordons a machine, which gets no further tasks but is not removed; or uncordons it. */
export async function cordonMachine(
  db: Db,
  id: number,
  cordoned: boolean,
  now: Date,
): Promise<void> {
  const kind = cordoned ? 'cordoned' : 'uncordoned'
  const changed = await change(db, id, kind, '', now, { cordoned })
  if (!changed) throw new CoprError('conflict', `Cannot cordon machine ${id}: it is not ready`)
}

/** Keeps a machine, without giving it more tasks, so that an administrator can inspect it. It is removed at the deadline. */
export async function holdMachine(
  db: Db,
  id: number,
  { until, reason, now }: { until: Date; reason: string; now: Date },
): Promise<void> {
  const set = { held_until: until, held_reason: reason }
  if (!(await change(db, id, 'held', reason, now, set)))
    throw new CoprError('conflict', `Cannot hold machine ${id}: it is not ready`)
}

/**
 * Changes a managed machine that is ready; returns undefined if there is none with this ID. Incrementing `version` makes writes with stale
 * data fail.
 */
async function change(
  db: Db,
  id: number,
  kind: string,
  text: string,
  now: Date,
  set: Updateable<MachineTable>,
): Promise<Machine | undefined> {
  return await db.transaction().execute(async (tx) => {
    const changed = await tx
      .updateTable('machine')
      .set({ ...set, version: sql<number>`version + 1` })
      .where('id', '=', id)
      .where('state', '=', 'ready')
      .where('provider', 'is not', null)
      .returningAll()
      .executeTakeFirst()
    if (!changed) return undefined
    await addEvent(tx, changed, kind, text, now)
    await notify(tx, 'copr_machine')
    return changed
  })
}
