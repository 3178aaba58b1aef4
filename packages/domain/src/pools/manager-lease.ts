import { sql } from 'kysely'
import type { Db } from '../database/open.ts'

const NAME = 'resalloc'

export interface ManagerHolder {
  holder: string
  now: Date
  lease_seconds: number
}

/** Acquires or renews the manager's lease; returns false if another manager holds it. */
export async function holdManagerLease(
  db: Db,
  { holder, now, lease_seconds }: ManagerHolder,
): Promise<boolean> {
  const until = new Date(now.getTime() + lease_seconds * 1000)
  const row = await db
    .insertInto('manager_lease')
    .values({ name: NAME, holder, held_since: now, until })
    .onConflict((on) =>
      on
        .column('name')
        .doUpdateSet({
          holder,
          until,
          held_since: sql<Date>`case when manager_lease.holder = ${holder} then manager_lease.held_since else ${now} end`,
        })
        .where((eb) =>
          eb.or([eb('manager_lease.holder', '=', holder), eb('manager_lease.until', '<', now)]),
        ),
    )
    .returning('holder')
    .executeTakeFirst()
  return row !== undefined
}

/** Releases the lease when a manager stops, so that the next one need not wait until it expires. */
export async function leaveManagerLease(db: Db, holder: string): Promise<void> {
  await db
    .deleteFrom('manager_lease')
    .where('name', '=', NAME)
    .where('holder', '=', holder)
    .execute()
}

/** Locks the lease, so that no other manager can take it during the transaction; returns false if the lease is lost. */
export async function lockManagerLease(tx: Db, holder: string, now: Date): Promise<boolean> {
  const row = await tx
    .selectFrom('manager_lease')
    .select('holder')
    .where('name', '=', NAME)
    .where('holder', '=', holder)
    .where('until', '>=', now)
    .forShare()
    .executeTakeFirst()
  return row !== undefined
}

/** Returns the holder of the lease. Use it for display only, because the lease may expire at any time. */
export async function activeManager(
  db: Db,
  now: Date,
): Promise<{ holder: string; held_since: Date } | undefined> {
  return await db
    .selectFrom('manager_lease')
    .select(['holder', 'held_since'])
    .where('name', '=', NAME)
    .where('until', '>=', now)
    .executeTakeFirst()
}
