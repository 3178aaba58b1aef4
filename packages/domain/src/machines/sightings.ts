import { type Selectable, sql } from 'kysely'
import type { Db } from '../database/open.ts'
import type { SightingTable } from '../database/schema.ts'

export type Sighting = Selectable<SightingTable>

export interface Seen {
  provider: string
  kind: string
  provider_id: string
  pool: string | null
  machine_id: number | null
}

/** Records that a sweep has found an object that has no owner, and counts how often this has happened. */
export async function noteSighting(db: Db, seen: Seen, now: Date): Promise<Sighting> {
  return await db
    .insertInto('sighting')
    .values({ ...seen, first_seen_at: now, last_seen_at: now })
    .onConflict((on) =>
      on.columns(['provider', 'kind', 'provider_id']).doUpdateSet({
        last_seen_at: now,
        sightings: sql<number>`sighting.sightings + 1`,
      }),
    )
    .returningAll()
    .executeTakeFirstOrThrow()
}

export async function noteRemoval(
  db: Db,
  { provider, kind, provider_id }: Seen,
  { error, now }: { error: string | null; now: Date },
): Promise<void> {
  await db
    .updateTable('sighting')
    .set({ remove_tried_at: now, remove_error: error })
    .where('provider', '=', provider)
    .where('kind', '=', kind)
    .where('provider_id', '=', provider_id)
    .execute()
}

/** Deletes sightings that no sweep has confirmed since `last_seen_before`; their objects no longer exist. */
export async function forgetSightings(db: Db, last_seen_before: Date): Promise<void> {
  await db.deleteFrom('sighting').where('last_seen_at', '<', last_seen_before).execute()
}

/** Lists all sightings for administrators, oldest first. */
export async function allSightings(db: Db): Promise<Sighting[]> {
  return await db.selectFrom('sighting').selectAll().orderBy('first_seen_at').execute()
}
