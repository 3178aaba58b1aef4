import type { LostCause } from '@copr/contract/builder-protocol'
import type { Db } from '../database/open.ts'
import { moveMachineIn } from '../states/machine-state.ts'
import { requeueTask } from './task-outcomes.ts'

/** Moves an unmanaged machine to `gone`: ends its session and requeues its tasks at once. */
export async function machineGone(
  db: Db,
  machine_id: number,
  { reason, max_attempts, now }: { reason: string; max_attempts: number; now: Date },
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const machine = await tx
      .selectFrom('machine')
      .selectAll()
      .where('id', '=', machine_id)
      .where('state', '<>', 'gone')
      .forUpdate()
      .executeTakeFirst()
    if (machine) await moveMachineIn(tx, machine, { to: 'gone', now, set: { ended_cause: reason } })
  })
  await requeueTasksOf(db, machine_id, { reason, max_attempts, now })
}

/** Requeues the tasks that are leased to a machine that has ended; fails those that have no attempts left. Returns the number of tasks. */
export async function requeueTasksOf(
  db: Db,
  machine_id: number,
  options: { cause?: LostCause; reason: string; max_attempts: number; now: Date },
): Promise<number> {
  const leased = await db
    .selectFrom('task')
    .select('lease')
    .where('machine_id', '=', machine_id)
    .where('state', '=', 'leased')
    .execute()
  let count = 0
  for (const { lease } of leased)
    if (lease !== null && (await requeueTask(db, lease, options))) count++
  return count
}
