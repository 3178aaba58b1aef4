import type { Db } from '../database/open.ts'
import type { Machine } from './machines.ts'

/**
 * Of machines that wait for the same task, the one with the smallest comes first: one that was used and waits for its sandbox, then
 * by the priorities of its pool and tags, then the cheapest.
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
