import type { Db } from '@copr/domain/database/open'
import { sql } from 'kysely'

/**
 * Returns a digest of all rows of the tables. A single statement reads all of them, because tests compute digests before and after each
 * request.
 */
export async function digestOf(db: Db, tables: readonly string[]): Promise<string> {
  const digests = tables.map(
    (name) =>
      sql`(select sha256(convert_to(coalesce(string_agg(r::text, ${'\n'} order by r::text), ''), 'UTF8')) from ${sql.table(name)} r)`,
  )
  const { rows } = await sql<{
    digest: string
  }>`select encode(sha256(convert_to(array_to_string(array[${sql.join(digests)}], ','), 'UTF8')), 'hex') as digest`.execute(
    db,
  )
  return rows[0]?.digest ?? ''
}

/** Lists all tables except those in `without`. */
export async function tablesOf(db: Db, without: readonly string[] = []): Promise<string[]> {
  const { rows } = await sql<{
    name: string
  }>`select tablename as name from pg_tables where schemaname = 'public' order by 1`.execute(db)
  return rows.map(({ name }) => name).filter((name) => !without.includes(name))
}
