import type { KeyAlgorithm } from '@copr/contract/keygen-protocol'
import { type Generated, type Insertable, Kysely, PostgresDialect, type Selectable } from 'kysely'
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
  /** When the key was last made, extended or rotated. */
  changed_at: Date
}

interface PooledKeyRow {
  id: string
  sealed_private_key: Buffer
  made_at: Date
}

export interface DataKeyRow {
  id: string
  /** The `KeyWrapper.id` of the master key that wrapped this data key. */
  master_key: string
  wrapped: Buffer
  made_at: Date
}

/** A key that a rotation has replaced. Its public half is kept, its private half is deleted. */
interface RetiredKeyRow extends Omit<KeyRow, 'sealed_private_key' | 'changed_at'> {
  retired_at: Date
  retired_by: string
}

export interface SignatureRow {
  id: Generated<string>
  at: Date
  caller: string
  owner: string
  project: string
  fingerprint: string
  purpose: string
  names: string[]
  /** SHA-256 of the list of digests, one per line. */
  digests: Buffer
  count: number
  ticket: string
  request_id: string | null
  /** The hash of the previous entry. Both hashes are hexadecimal; `hash` covers this field and the rest of the entry. */
  previous: string
  hash: string
}

interface Schema {
  'keygen.data_key': DataKeyRow
  'keygen.retired_key': RetiredKeyRow
  'keygen.signature': SignatureRow
  'keygen.key': KeyRow
  'keygen.key_pool': PooledKeyRow
}
export type Db = Kysely<Schema>
export type StoredKey = Selectable<KeyRow>
export type PooledKey = Selectable<PooledKeyRow>

/** Opens the database of the key table without connecting: while PostgreSQL is unreachable, only queries fail. */
export function openKeyTable(connectionString: string): Db {
  const pool = new pg.Pool({
    connectionString,
    max: 5,
    connectionTimeoutMillis: 5_000,
    query_timeout: 15_000,
    keepAlive: true,
    application_name: 'keygen',
  })
  // A broken connection is reported twice: by the query that fails, and by an event that would end the process if it had no listener.
  pool.on('connect', (client) => void client.on('error', () => {}))
  pool.on('error', () => {})
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) })
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

/** Stores a project's key unless the project already has one; returns the stored key. */
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

/** Gives a key a later expiry date, unless another process has done so. */
export async function prolongKey(
  db: Db,
  key: StoredKey,
  change: Pick<KeyRow, 'expires_at' | 'certifications' | 'changed_at'>,
): Promise<void> {
  await db
    .updateTable('keygen.key')
    .set(change)
    .where('fingerprint', '=', key.fingerprint)
    .where('expires_at', '=', key.expires_at)
    .execute()
}

/**
 * Replaces the project's key if it still has this fingerprint; returns the key that is current afterwards. Undefined if the project has no
 * key.
 */
export async function replaceKey(
  db: Db,
  { fingerprint, key, by }: { fingerprint: string; key: Insertable<KeyRow>; by: string },
): Promise<StoredKey | undefined> {
  return await db.transaction().execute(async (tx) => {
    const current = await tx
      .selectFrom('keygen.key')
      .selectAll()
      .where('owner', '=', key.owner)
      .where('project', '=', key.project)
      .forUpdate()
      .executeTakeFirst()
    if (current?.fingerprint !== fingerprint) return current
    const { sealed_private_key: _gone, changed_at: _then, ...retired } = current
    await tx
      .insertInto('keygen.retired_key')
      .values({ ...retired, retired_at: key.created_at, retired_by: by })
      .execute()
    return await tx
      .updateTable('keygen.key')
      .set(key)
      .where('fingerprint', '=', fingerprint)
      .returningAll()
      .executeTakeFirstOrThrow()
  })
}

/** Returns the owner and project of keys created, extended or rotated since `moment`; at most 10,000. */
export async function keysChangedSince(
  db: Db,
  moment: Date,
): Promise<Pick<StoredKey, 'owner' | 'project'>[]> {
  return await db
    .selectFrom('keygen.key')
    .select(['owner', 'project'])
    .where('changed_at', '>=', moment)
    .orderBy('changed_at')
    .limit(10_000)
    .execute()
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

/** Takes the oldest key out of the pool; concurrent callers get different keys. */
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

/** Whether an error means that PostgreSQL is temporarily unavailable. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // SQLSTATE 08: connection lost, 57P: shutting down or starting, 53300: too many connections, 25006: a standby.
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
