import { Kysely, PostgresDialect, type Transaction } from 'kysely'
import pg from 'pg'
import type { DB } from './schema.ts'

/** The database or a transaction; every query accepts either. */
export type Db = Kysely<DB>
export type Tx = Transaction<DB>

// IDs and sizes stay far below 2^53, so they can be numbers.
pg.types.setTypeParser(pg.types.builtins.INT8, Number)
// Calendar dates remain strings: a Date would be a point in time, which depends on a time zone.
pg.types.setTypeParser(pg.types.builtins.DATE, String)

export interface OpenOptions {
  max_connections?: number
  /** Called when an idle connection is lost; the pool opens another one. */
  onError?: (error: Error) => void
}

export function openDb(url: string, { max_connections = 12, onError }: OpenOptions = {}): Db {
  const pool = new pg.Pool({
    connectionString: url,
    max: max_connections,
    connectionTimeoutMillis: 15_000,
  })
  // Without a listener, a lost connection would terminate the process.
  pool.on('error', (error) => onError?.(error))
  pool.on('connect', (client) => client.on('error', (error) => onError?.(error)))
  return new Kysely<DB>({ dialect: new PostgresDialect({ pool }) })
}
