import { notify } from '../database/notify.ts'
import type { Tx } from '../database/open.ts'

/** Marks a machine as idle if it is managed, and notifies the manager, which decides what to do with it. */
export async function releaseMachine(
  tx: Tx,
  { machine_id }: { machine_id: number | null },
  now: Date,
): Promise<void> {
  if (machine_id === null) return
  const managed = await tx
    .updateTable('machine')
    .set({ released_at: now })
    .where('id', '=', machine_id)
    .where('provider', 'is not', null)
    .returning('id')
    .executeTakeFirst()
  if (managed) await notify(tx, 'copr_machine')
}
