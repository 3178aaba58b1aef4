import type { Db } from '../database/open.ts'
import type { Machine } from '../states/machine-state.ts'

/**
 * Returns the sort key of a machine that waits for a task; the machine with the smallest key claims first. Used machines come before unused
 * ones, because most of them may take only tasks of their own sandbox. Next, the priorities of the pool and its tags decide, and then the
 * price.
 */
export async function claimOrder(db: Db, machine: Machine): Promise<readonly number[]> {
  if (machine.provider === null) return [0, 0, 0]
  const pool = await db
    .selectFrom('pool')
    .select('claim_rank')
    .where('name', '=', machine.pool)
    .executeTakeFirst()
  return [machine.uses > 0 ? -1 : 0, -(pool?.claim_rank ?? 0), machine.price_per_hour]
}
