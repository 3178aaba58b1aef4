import { CoprError } from '@copr/process/errors'
import { notify } from '../database/notify.ts'
import type { Db } from '../database/open.ts'
import { addEvent } from '../states/machine-events.ts'
import { moveMachineIn } from '../states/machine-state.ts'

// These are operations for administrators. The machine manager reacts to them within seconds.

/** Cordons a pool, so that no more machines are started in it, or uncordons it. Running machines are not affected. */
export async function cordonPool(
  db: Db,
  name: string,
  cordoned: boolean,
  now: Date,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const changed = await tx
      .updateTable('pool')
      // Uncordoning also ends a hold, because the administrator is assumed to have fixed its cause.
      .set(
        cordoned
          ? { cordoned }
          : { cordoned, hold_reason: null, held_until: null, boot_failures: 0 },
      )
      .where('name', '=', name)
      .returning('name')
      .executeTakeFirst()
    if (!changed) throw new CoprError('not_found', `Cannot find the pool ${name}`)
    await addEvent(tx, { id: null, pool: name }, cordoned ? 'cordoned' : 'uncordoned', '', now)
    await notify(tx, 'copr_machine')
  })
}

/**
 * Cordons a pool and drains its machines: idle machines are removed at once, busy ones when they have finished their tasks. Returns the
 * number of drained machines.
 */
export async function drainPool(db: Db, name: string, why: string, now: Date): Promise<number> {
  await cordonPool(db, name, true, now)
  return await db.transaction().execute(async (tx) => {
    const ready = await tx
      .selectFrom('machine')
      .selectAll()
      .where('pool', '=', name)
      .where('state', '=', 'ready')
      .where('provider', 'is not', null)
      .orderBy('id')
      .forUpdate()
      .execute()
    const set = { ended_cause: why }
    for (const machine of ready)
      await moveMachineIn(tx, machine, { to: 'draining', now, text: why, set })
    await notify(tx, 'copr_machine')
    return ready.length
  })
}
