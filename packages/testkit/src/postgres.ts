import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { startEmbeddedPostgres } from '@copr/domain/database/embedded-postgres'
import { migrate } from '@copr/domain/database/migrate'
import { type Db, openDb } from '@copr/domain/database/open'
import pg from 'pg'

export { startEmbeddedPostgres } from '@copr/domain/database/embedded-postgres'

/** The variable with the URL of the tests' PostgreSQL, set by the global setup; without it, this process starts its own server. */
const VARIABLE = 'COPR_TEST_POSTGRES'

/** A file system in memory; in containers it has only 64 MB by default. */
const MEMORY = '/dev/shm'
const ROOM_BYTES = 3 * 1024 ** 3

export interface TestServer extends AsyncDisposable {
  /** The URL of the migrated template database. */
  readonly url: string
}

/** Starts PostgreSQL in a temporary folder, with the schema in its database `copr`. */
export async function startTestPostgres(): Promise<TestServer> {
  const dir = mkdtempSync(join(fastFolder(), 'copr-test-postgres-'))
  const server = await startEmbeddedPostgres({
    dir: join(dir, 'postgres'),
    password: 'test',
    unsafe: true,
  })
  await migrate(server.url)
  await speedUpLogins(server.url)
  return {
    url: server.url,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Hashes the password again with one round instead of 4,096, because each test opens several connections. */
async function speedUpLogins(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`set scram_iterations = 1; alter role copr password 'test'`)
  await client.end()
}

/** Returns a folder in memory if it has enough space, because cloning databases is mostly creating and deleting files. */
function fastFolder(): string {
  try {
    const { bavail, bsize } = statfsSync(MEMORY)
    if (bavail * bsize >= ROOM_BYTES) return MEMORY
  } catch {
    // no such folder
  }
  return tmpdir()
}

export interface TestDb extends AsyncDisposable {
  readonly db: Db
  readonly url: string
}

/**
 * Returns a private database cloned from the migrated template; it is dropped when the test's scope ends. The test run's global setup
 * (test-setup.ts) starts the server.
 */
export async function openTestDb(): Promise<TestDb> {
  return await openClone('copr')
}

/**
 * Returns a test database that `fill` has filled, and what `fill` returned (plain data). `fill` runs once per test run, for the first
 * caller with this name, and the others get clones of that database: so it must not depend on its test.
 */
export async function openFilledTestDb<T>(
  name: string,
  fill: (empty: TestDb) => Promise<T>,
): Promise<TestDb & { made: T }> {
  const template = `filled_${name}`
  const made = await (fillings[template] ??= makeFilled(template, fill))
  return { ...(await openClone(template)), made: deserialize(Buffer.from(made, 'base64')) as T }
}

/** The results of `fill`, by template, for the templates that this process uses. */
const fillings: Record<string, Promise<string>> = {}

/** Fills the template in only one of several concurrent processes; a comment on the database holds what `fill` returned. */
async function makeFilled<T>(
  template: string,
  fill: (empty: TestDb) => Promise<T>,
): Promise<string> {
  const admin = await connectAdmin()
  try {
    await admin.query('select pg_advisory_lock(hashtext($1))', [template])
    const { rows } = await admin.query<{ made: string }>(
      `select shobj_description(oid, 'pg_database') as made from pg_database where datname = $1`,
      [template],
    )
    if (rows[0]) return rows[0].made
    const name = await makeClone(admin, 'copr')
    const url = urlOf(name)
    const db = openDb(url, { max_connections: 8 })
    const made = await fill({ db, url, [Symbol.asyncDispose]: () => db.destroy() })
    await db.destroy()
    const comment = serialize(made).toString('base64')
    await admin.query(`comment on database ${name} is '${comment}'`)
    await admin.query(`alter database ${name} rename to ${template}`)
    return comment
  } finally {
    await admin.end()
  }
}

async function openClone(template: string): Promise<TestDb> {
  const name = await makeClone(adminPool(), template)
  const db = openDb(urlOf(name), { max_connections: 8 })
  return {
    db,
    url: urlOf(name),
    async [Symbol.asyncDispose]() {
      await db.destroy()
      // Without `force`, PostgreSQL waits for connections that are closing; with it they would report errors.
      await adminPool().query(`drop database ${name}`)
    },
  }
}

let pool: pg.Pool | undefined

/** Returns the one connection with which this process creates and drops databases; it does not keep the process alive. */
function adminPool(): pg.Pool {
  if (pool) return pool
  const connectionString = urlOf('postgres')
  pool = new pg.Pool({ connectionString, max: 1, idleTimeoutMillis: 0, allowExitOnIdle: true })
  // After a connection is lost, the next query fails, too, so this error need not be handled.
  pool.on('error', () => undefined)
  return pool
}

/** Clones a database by copying its files: through the write-ahead log, the default, it takes twice as long. */
async function makeClone(admin: pg.Client | pg.Pool, template: string): Promise<string> {
  const name = `t_${randomUUID().replaceAll('-', '')}`
  await admin.query(`create database ${name} template ${template} strategy file_copy`)
  return name
}

async function connectAdmin(): Promise<pg.Client> {
  const admin = new pg.Client(urlOf('postgres'))
  await admin.connect()
  return admin
}

function urlOf(database: string): string {
  const template = process.env[VARIABLE]
  if (!template)
    throw new Error(
      `Cannot open a test database: ${VARIABLE} is not set; run node with --test-global-setup=packages/testkit/src/test-setup.ts`,
    )
  return template.replace(/[^/]*$/, database)
}
