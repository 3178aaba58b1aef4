import { type Selectable, sql } from 'kysely'
import type { Db, Tx } from '../database/open.ts'
import type { OfferingTable } from '../database/schema.ts'

export type OfferingRow = Selectable<OfferingTable>

/** Weight of the newest start in moving averages. */
const NEWEST = 0.2

/** Records that a machine has enrolled: resets the failure count of its pool, and updates the averages of its offering. */
export async function noteStart(
  tx: Tx,
  machine: { pool: string; offering: string | null; launching_at: Date | null },
  now: Date,
): Promise<void> {
  await tx
    .updateTable('pool')
    .set({ boot_failures: 0 })
    .where('name', '=', machine.pool)
    .where('boot_failures', '>', 0)
    .execute()
  if (machine.offering === null) return
  const seconds = (now.getTime() - (machine.launching_at ?? now).getTime()) / 1000
  await tx
    .updateTable('offering')
    .set({
      successes: sql<number>`successes + 1`,
      success_rate: sql<number>`success_rate * ${1 - NEWEST} + ${NEWEST}`,
      start_seconds: sql<number>`coalesce(start_seconds * ${1 - NEWEST} + ${NEWEST * seconds}, ${seconds})`,
    })
    .where('pool', '=', machine.pool)
    .where('name', '=', machine.offering)
    .execute()
}

/** Counts a launch request; called just before the request is sent. */
export async function noteAttempt(db: Db, pool: string, offering: string): Promise<void> {
  await db
    .updateTable('offering')
    .set({ attempts: sql<number>`attempts + 1` })
    .where('pool', '=', pool)
    .where('name', '=', offering)
    .execute()
}

export interface OfferingFailure {
  failure_class: string
  failure_text: string
  /** No machine of this offering is requested before this time. */
  unavailable_until?: Date
}

/** Records a failure of an offering. With a `group`, records it for all offerings that share the group's quota as well. */
export async function noteOfferingFailure(
  db: Db,
  { pool, name, group }: { pool: string; name: string; group?: string | undefined },
  failure: OfferingFailure,
  now: Date,
): Promise<void> {
  await db
    .updateTable('offering')
    .set({ ...failure, failed_at: now, success_rate: sql<number>`success_rate * ${1 - NEWEST}` })
    .where('pool', '=', pool)
    .where((eb) =>
      group === undefined
        ? eb('name', '=', name)
        : eb.or([eb('name', '=', name), eb('quota_group', '=', group)]),
    )
    .execute()
}

export interface OfferingTerms {
  readonly name: string
  readonly group?: string
  readonly price_per_hour: number
  readonly memory_mb?: number
}

/**
 * Stores the current offerings of a pool. Rows are never deleted, so that an offering that is removed and later added again keeps its
 * history.
 */
export async function syncOfferings(
  db: Db,
  pool: string,
  offerings: readonly OfferingTerms[],
): Promise<void> {
  for (const { name, group: quota_group = '', price_per_hour, memory_mb = null } of offerings)
    await db
      .insertInto('offering')
      .values({ pool, name, quota_group, price_per_hour, memory_mb })
      .onConflict((on) =>
        on.columns(['pool', 'name']).doUpdateSet({ quota_group, price_per_hour, memory_mb }),
      )
      .execute()
}

export async function allOfferings(db: Db): Promise<OfferingRow[]> {
  return await db.selectFrom('offering').selectAll().orderBy('pool').orderBy('name').execute()
}
