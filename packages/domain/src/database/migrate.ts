import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '@copr/process/errors'
import type { Logger } from '@copr/process/log'
import { readdirSync, readFileSync } from 'node:fs'
import pg from 'pg'

const FOLDER = new URL('./migrations/', import.meta.url)
/** The key of the advisory lock. It is arbitrary, but must be the same in every program that migrates. */
const LOCK = 7201

const RETRY_MS = 500
/**
 * Error codes that mean that the server is unavailable. SQLSTATE 08: connection lost; 57P: starting or shutting down; 53300: too many
 * connections; 3D000: database not created yet.
 */
const AWAY =
  /^(08...|57P..|53300|3D000|ECONN.*|EPIPE|ENOTFOUND|EAI_AGAIN|E(HOST|NET)UNREACH|ETIMEDOUT)$/

/**
 * Waits until PostgreSQL is reachable, then calls migrate(). Waiting is necessary because all components of a cluster start at the same
 * time. Returns false if stopped while waiting.
 */
export async function migrateWhenReachable(
  url: string,
  { stop, log }: { stop: AbortSignal; log: Logger },
): Promise<boolean> {
  for (let tries = 0; !stop.aborted; tries++) {
    try {
      await migrate(url)
      return true
    } catch (error) {
      if (!isAway(error)) throw error
      if (tries % 20 === 0) log.warn({ reason: messageOf(error) }, 'Waiting for PostgreSQL')
      await sleep(RETRY_MS, undefined, { signal: stop }).catch(() => undefined)
    }
  }
  return false
}

function isAway(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isAway)
  if (!(error instanceof Error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return AWAY.test(code) || error.message.startsWith('Connection terminated')
}

/**
 * Migrates the database to this version's schema. An advisory lock serializes concurrent callers. A newer schema is accepted, because pods
 * of both versions run during an upgrade of a cluster; with `refuse_newer`, it is refused.
 */
export async function migrate(
  url: string,
  { refuse_newer = false } = {},
): Promise<{ applied: string[] }> {
  const client = new pg.Client(url)
  client.on('error', () => undefined) // after a connection is lost, the next query fails, too
  await client.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK])
    await client.query(
      'create table if not exists schema_migration (name text primary key, sha256 text not null, applied_at timestamptz not null default now())',
    )
    const { rows } = await client.query<{ name: string; sha256: string }>(
      'select name, sha256 from schema_migration',
    )
    const known = new Map(rows.map((row) => [row.name, row.sha256]))
    const applied: string[] = []
    const names = migrationNames()
    const newer = [...known.keys()].find((name) => !names.includes(name))
    if (refuse_newer && newer !== undefined)
      throw new Error(
        `Cannot use the database: a newer version has changed it (${newer} is unknown to this version), and a downgrade is not possible; start that version, or restore a backup that this version made`,
      )
    for (const name of names) {
      const text = readFileSync(new URL(name, FOLDER), 'utf8')
      const sha256 = createHash('sha256').update(text).digest('hex')
      const before = known.get(name)
      if (before === sha256) continue
      if (before !== undefined)
        throw new Error(
          `Cannot migrate: ${name} differs from the version that was applied to this database; an applied migration must never change`,
        )
      await client.query('begin')
      try {
        await client.query(text)
        await client.query('insert into schema_migration (name, sha256) values ($1, $2)', [
          name,
          sha256,
        ])
        await client.query('commit')
      } catch (error) {
        await client.query('rollback')
        throw new Error(`Cannot apply migration ${name}`, { cause: error })
      }
      applied.push(name)
    }
    return { applied }
  } finally {
    await client.end()
  }
}

function migrationNames(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.sql'))
    .sort()
}
