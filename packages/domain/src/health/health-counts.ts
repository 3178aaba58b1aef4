import { sql } from 'kysely'
import type { Db } from '../database/open.ts'

/** A builder counts as present if it was seen within this number of seconds. */
const PRESENT_SECONDS = 300

/** Counts the builders in each state except `gone`. */
export async function builderCounts(db: Db): Promise<{ state: string; machines: number }[]> {
  return await db
    .selectFrom('machine')
    .select(({ fn }) => ['state', fn.countAll<number>().as('machines')])
    .where(sql<boolean>`'rpm' = any(kinds)`)
    .where('gone_at', 'is', null)
    .groupBy('state')
    .orderBy('state')
    .execute()
}

/** Counts the builders that were seen within the last `PRESENT_SECONDS`. */
export async function presentBuilders(db: Db): Promise<number> {
  const { present } = await db
    .selectFrom('machine')
    .select(({ fn }) => fn.countAll<number>().as('present'))
    .where(sql<boolean>`'rpm' = any(kinds)`)
    .where('gone_at', 'is', null)
    .where(sql<boolean>`last_seen_at > now() - make_interval(secs => ${PRESENT_SECONDS})`)
    .executeTakeFirstOrThrow()
  return present
}

export interface Publishing {
  /** Number of repositories whose published index is out of date. */
  waiting: number
  /** When a repository was last published, as a Unix time in seconds; 0 if never. */
  last: number
}

export async function publishingHealth(db: Db): Promise<Publishing> {
  return await db
    .selectFrom('repository')
    .select([
      sql<number>`count(*) filter (where generation > published_generation)::float8`.as('waiting'),
      sql<number>`coalesce(extract(epoch from max(published_at)), 0)::float8`.as('last'),
    ])
    .executeTakeFirstOrThrow()
}

export async function databaseBytes(db: Db): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`
    select pg_database_size(current_database())::float8 as bytes`.execute(db)
  return rows[0]?.bytes ?? 0
}
