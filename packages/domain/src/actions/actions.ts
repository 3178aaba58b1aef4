import type { Selectable } from 'kysely'
import type { Db } from '../database/open.ts'
import type { ActionTable } from '../database/schema.ts'

export type Action = Selectable<ActionTable>

/**
 * Leases the oldest action that is due. If the process that holds the lease dies, the lease expires and another process can take the
 * action.
 */
export async function claimAction(
  db: Db,
  { now, lease_seconds }: { now: Date; lease_seconds: number },
): Promise<Action | undefined> {
  const lease_until = new Date(now.getTime() + lease_seconds * 1000)
  return await db
    .updateTable('action')
    .set((eb) => ({ lease_until, attempts: eb('attempts', '+', 1) }))
    .where('id', '=', (eb) =>
      eb
        .selectFrom('action')
        .select('id')
        .where('ended_at', 'is', null)
        .where((w) => w.or([w('lease_until', 'is', null), w('lease_until', '<', now)]))
        .where((w) => w.or([w('not_before', 'is', null), w('not_before', '<=', now)]))
        .orderBy('id')
        .limit(1)
        .forUpdate()
        .skipLocked(),
    )
    .returningAll()
    .executeTakeFirst()
}

export async function renewAction(
  db: Db,
  id: number,
  { now, lease_seconds }: { now: Date; lease_seconds: number },
): Promise<void> {
  const lease_until = new Date(now.getTime() + lease_seconds * 1000)
  await db
    .updateTable('action')
    .set({ lease_until })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .execute()
}

export async function endAction(
  db: Db,
  id: number,
  { now, error = null }: { now: Date; error?: string | null },
): Promise<void> {
  await db
    .updateTable('action')
    .set({ ended_at: now, error, lease_until: null })
    .where('id', '=', id)
    .execute()
}

/** Releases the lease on an action, which becomes due again after `wait_seconds`. */
export async function postponeAction(
  db: Db,
  id: number,
  { now, wait_seconds }: { now: Date; wait_seconds: number },
): Promise<void> {
  const not_before = new Date(now.getTime() + wait_seconds * 1000)
  await db
    .updateTable('action')
    .set({ not_before, lease_until: null })
    .where('id', '=', id)
    .execute()
}
