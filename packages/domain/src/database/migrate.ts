import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import pg from 'pg'

const FOLDER = new URL('./migrations/', import.meta.url)
/** Any number: the same for every program that migrates. */
const LOCK = 7201

/** Brings the database to this version's schema. Several programs may start at once: one migrates, the others wait. */
export async function migrate(url: string): Promise<{ applied: string[] }> {
  const client = new pg.Client(url)
  client.on('error', () => undefined) // a server that dies fails the query, too
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
    for (const name of migrationNames()) {
      const text = readFileSync(new URL(name, FOLDER), 'utf8')
      const sha256 = createHash('sha256').update(text).digest('hex')
      const before = known.get(name)
      if (before === sha256) continue
      if (before !== undefined)
        throw new Error(
          `Cannot migrate: ${name} differs from what this database was made with; migrations are only ever added`,
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
