import type { KeyAlgorithm } from '@copr/contract/keygen-protocol'
import { type Insertable, Kysely, PostgresDialect, type Selectable, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import pg from 'pg'

interface KeyRow {
  owner: string
  project: string
  algorithm: KeyAlgorithm
  fingerprint: string
  created_at: Date
  expires_at: Date
  user_id: string
  /** Body of the public key packet. */
  public_key: Buffer
  /** The self-signatures' packets, oldest first. */
  certifications: Buffer
  sealed_private_key: Buffer
}

interface PooledKeyRow {
  id: string
  sealed_private_key: Buffer
  made_at: Date
}

interface Schema {
  'keygen.key': KeyRow
  'keygen.key_pool': PooledKeyRow
}
export type Db = Kysely<Schema>
export type StoredKey = Selectable<KeyRow>
export type PooledKey = Selectable<PooledKeyRow>

/** Opens the key table lazily: a PostgreSQL that is away, or goes away, fails queries and nothing else. */
export function openKeyTable(connectionString: string): Db {
  const pool = new pg.Pool({
    connectionString,
    max: 5,
    connectionTimeoutMillis: 5_000,
    query_timeout: 15_000,
    keepAlive: true,
    application_name: 'keygen',
  })
  // A connection that breaks says so twice: through the query that fails, and as an event that would end the process.
  pool.on('connect', (client) => void client.on('error', () => {}))
  pool.on('error', () => {})
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) })
}

const MIGRATIONS: Record<string, Migration> = {
  '0001-keys': {
    async up(db) {
      await sql`
        create table keygen.key (
          owner text not null,
          project text not null,
          algorithm text not null,
          fingerprint text not null unique,
          created_at timestamptz not null,
          expires_at timestamptz not null,
          user_id text not null,
          public_key bytea not null,
          certifications bytea not null,
          sealed_private_key bytea not null,
          primary key (owner, project)
        )`.execute(db)
      await sql`create index on keygen.key (expires_at)`.execute(db)
      await sql`
        create table keygen.key_pool (
          id uuid primary key,
          sealed_private_key bytea not null,
          made_at timestamptz not null
        )`.execute(db)
    },
  },
}

/** Brings the schema up to date; several processes may start at once (Kysely takes an advisory lock). */
export async function migrateKeyTable(db: Db): Promise<void> {
  const provider = { getMigrations: async () => MIGRATIONS }
  const migrator = new Migrator({ db, provider, migrationTableSchema: 'keygen' })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}

export async function findKey(
  db: Db,
  owner: string,
  project: string,
): Promise<StoredKey | undefined> {
  return await db
    .selectFrom('keygen.key')
    .selectAll()
    .where('owner', '=', owner)
    .where('project', '=', project)
    .executeTakeFirst()
}

/** Stores a project's key unless it has one; returns the one it has then. */
export async function insertKey(db: Db, key: Insertable<KeyRow>): Promise<StoredKey> {
  await db
    .insertInto('keygen.key')
    .values(key)
    .onConflict((conflict) => conflict.columns(['owner', 'project']).doNothing())
    .execute()
  return await db
    .selectFrom('keygen.key')
    .selectAll()
    .where('owner', '=', key.owner)
    .where('project', '=', key.project)
    .executeTakeFirstOrThrow()
}

export async function keysExpiringBefore(db: Db, moment: Date): Promise<StoredKey[]> {
  return await db.selectFrom('keygen.key').selectAll().where('expires_at', '<', moment).execute()
}

/** Gives a key a later end, unless another process was faster. */
export async function prolongKey(
  db: Db,
  key: StoredKey,
  change: Pick<KeyRow, 'expires_at' | 'certifications'>,
): Promise<void> {
  await db
    .updateTable('keygen.key')
    .set(change)
    .where('fingerprint', '=', key.fingerprint)
    .where('expires_at', '=', key.expires_at)
    .execute()
}

/** Any stored secret, to try the master key on; undefined when nothing is stored yet. */
export async function anySecret(db: Db): Promise<StoredKey | PooledKey | undefined> {
  return (
    (await db.selectFrom('keygen.key').selectAll().limit(1).executeTakeFirst()) ??
    (await db.selectFrom('keygen.key_pool').selectAll().limit(1).executeTakeFirst())
  )
}

export async function countPooledKeys(db: Db): Promise<number> {
  const { count } = await db
    .selectFrom('keygen.key_pool')
    .select((row) => row.fn.countAll<string>().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}

export async function addPooledKey(db: Db, key: PooledKey): Promise<void> {
  await db.insertInto('keygen.key_pool').values(key).execute()
}

/** Takes the oldest key out of the pool: each goes to one caller only. */
export async function takePooledKey(db: Db): Promise<PooledKey | undefined> {
  return await db
    .deleteFrom('keygen.key_pool')
    .where('id', '=', (row) =>
      row
        .selectFrom('keygen.key_pool')
        .select('id')
        .orderBy('made_at')
        .limit(1)
        .forUpdate()
        .skipLocked(),
    )
    .returningAll()
    .executeTakeFirst()
}

/** Whether an error means that PostgreSQL is away for now. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // 08: connection lost, 57P: shutting down or starting, 53300: too many connections, 25006: a standby.
  if (
    /^(08...|57P..|53300|25006|ECONN.*|EPIPE|ENOENT|ENOTFOUND|EAI_AGAIN|E(HOST|NET)UNREACH|ETIMEDOUT)$/.test(
      code,
    )
  )
    return true
  if (error instanceof AggregateError) return error.errors.some(isDatabaseAway)
  return /^(Connection terminated|timeout exceeded when trying|Query read timeout|Client has encountered)/i.test(
    error.message,
  )
}
