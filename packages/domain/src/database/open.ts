import { Kysely, PostgresDialect, type Transaction } from 'kysely'
import pg from 'pg'
import type { DB } from './schema.ts'

/** The database, or a transaction on it: every query takes either. */
export type Db = Kysely<DB>
export type Tx = Transaction<DB>

// Ids and sizes stay far below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number)
// A calendar date is text, not a moment in some time zone.
pg.types.setTypeParser(pg.types.builtins.DATE, String)

export interface OpenOptions {
  max_connections?: number
  /** A connection broke while idle: the pool makes another. */
  onError?: (error: Error) => void
}

export function openDb(url: string, { max_connections = 12, onError }: OpenOptions = {}): Db {
  const pool = new pg.Pool({
    connectionString: url,
    max: max_connections,
    connectionTimeoutMillis: 15_000,
  })
  // Without a listener a killed server would end the process.
  pool.on('error', (error) => onError?.(error))
  pool.on('connect', (client) => client.on('error', (error) => onError?.(error)))
  return new Kysely<DB>({ dialect: new PostgresDialect({ pool }) })
}
