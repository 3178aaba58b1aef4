import type { Db } from '../database/open.ts'

/** A claim that is older than this and not done was interrupted, and may be claimed again. */
const INTERRUPTED_MS = 5 * 60_000
/** The keys of signed deliveries are remembered for this many days, so that a repetition is recognized. */
const REMEMBERED_DAYS = 365
const DAY_MS = 86_400_000

interface Seen {
  project_id: number
  key: string
}

/**
 * Claims the key of something that a project must process only once; returns false if it was claimed before, unless that claim was
 * interrupted. Safe for concurrent calls.
 */
export async function claimOnce(db: Db, { project_id, key }: Seen, now: Date): Promise<boolean> {
  const interrupted = new Date(now.getTime() - INTERRUPTED_MS)
  const claimed = await db
    .insertInto('webhook_seen')
    .values({ project_id, key, seen_at: now })
    .onConflict((conflict) =>
      conflict
        .columns(['project_id', 'key'])
        .doUpdateSet({ seen_at: now })
        .where('webhook_seen.is_done', '=', false)
        .where('webhook_seen.seen_at', '<', interrupted),
    )
    .returning('key')
    .executeTakeFirst()
  return claimed !== undefined
}

/** Marks keys claimed with `claimOnce()` as processed, so that they cannot be claimed again. */
export async function markDone(db: Db, project_id: number, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return
  await db
    .updateTable('webhook_seen')
    .set({ is_done: true })
    .where('project_id', '=', project_id)
    .where('key', 'in', keys)
    .execute()
}

/** Undoes `claimOnce()` after a failure, so that a repeated delivery from the forge is accepted. */
export async function releaseClaims(
  db: Db,
  project_id: number,
  keys: readonly string[],
): Promise<void> {
  if (keys.length === 0) return
  await db
    .deleteFrom('webhook_seen')
    .where('project_id', '=', project_id)
    .where('key', 'in', keys)
    .where('is_done', '=', false)
    .execute()
}

export async function dropOldSeen(db: Db, now: Date): Promise<void> {
  const before = new Date(now.getTime() - REMEMBERED_DAYS * DAY_MS)
  await db.deleteFrom('webhook_seen').where('seen_at', '<', before).execute()
}
