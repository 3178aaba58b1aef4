import { createHash } from 'node:crypto'
import type { Db } from '@copr/domain/database/open'
import { sql } from 'kysely'

/** Returns a digest of all rows of the tables. */
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

/** Lists all tables except those in `without`. */
export async function tablesOf(db: Db, without: readonly string[] = []): Promise<string[]> {
  const { rows } = await sql<{
    name: string
  }>`select tablename as name from pg_tables where schemaname = 'public' order by 1`.execute(db)
  return rows.map(({ name }) => name).filter((name) => !without.includes(name))
}
