import { notify } from '../database/notify.ts'
import type { Tx } from '../database/open.ts'

/** The machine has nothing to do any more: its pool's manager decides what comes next. */
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
