import { createHash } from 'node:crypto'
import type { Db } from '@copr/domain/database/open'
import { sql } from 'kysely'

/** The same as long as no row of the tables is other than it was. */
export async function digestOf(db: Db, tables: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const name of tables) {
    const { rows } = await sql<{
      row: string
    }>`select r::text as row from ${sql.table(name)} r order by 1`.execute(db)
    hash.update(JSON.stringify([name, rows]))
  }
  return hash.digest('hex')
}

/** Every table that the product has, but those that the caller leaves out. */
export async function tablesOf(db: Db, without: readonly string[] = []): Promise<string[]> {
  const { rows } = await sql<{
    name: string
  }>`select tablename as name from pg_tables where schemaname = 'public' order by 1`.execute(db)
  return rows.map(({ name }) => name).filter((name) => !without.includes(name))
}
