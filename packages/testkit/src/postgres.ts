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

/**
 * The environment variable with the URL of the tests' PostgreSQL server, set by the global setup. If it is unset, this process starts a
 * server of its own.
 */
const VARIABLE = 'COPR_TEST_POSTGRES'

/** A file system in memory; in containers, its default size is only 64 MB. */
const MEMORY = '/dev/shm'
const ROOM_BYTES = 3 * 1024 ** 3

export interface TestServer extends AsyncDisposable {
  /** The URL of the migrated template database. */
  readonly url: string
}

/** Starts PostgreSQL in a temporary folder. Its database `copr` contains the schema. */
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

/** Sets the password again, with one SCRAM iteration instead of 4,096, because each test opens several connections. */
async function speedUpLogins(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`set scram_iterations = 1; alter role copr password 'test'`)
  await client.end()
}

/** Returns a folder in memory if there is enough space: cloning a database consists mostly of creating and deleting files. */
function fastFolder(): string {
  try {
    const { bavail, bsize } = statfsSync(MEMORY)
    if (bavail * bsize >= ROOM_BYTES) return MEMORY
  } catch {
    // there is no such folder
  }
  return tmpdir()
}

export interface TestDb extends AsyncDisposable {
  readonly db: Db
  readonly url: string
}

/**
 * Returns a private database cloned from the migrated template; it is dropped at the end of the test's scope. The test run's global setup
 * (test-setup.ts) starts the server.
 */
export async function openTestDb(): Promise<TestDb> {
  return await openClone('copr')
}

/**
 * Returns a test database that `fill` has filled, and the value (plain data) that `fill` returned. `fill` runs once per test run, for the
 * first caller that uses this name; the other callers get clones of the same database. `fill` must therefore not depend on its test.
 */
export async function openFilledTestDb<T>(
  name: string,
  fill: (empty: TestDb) => Promise<T>,
): Promise<TestDb & { made: T }> {
  const template = `filled_${name}`
  const made = await (fillings[template] ??= makeFilled(template, fill))
  return { ...(await openClone(template)), made: deserialize(Buffer.from(made, 'base64')) as T }
}

/** Return values of `fill`, by template, for the templates that this process uses. */
const fillings: Record<string, Promise<string>> = {}

/** Fills the template in only one of several concurrent processes. What `fill` returned is stored as a comment on the database. */
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
      // Without `force`, PostgreSQL waits for connections that are still closing; with `force`, those connections would report errors.
      await adminPool().query(`drop database ${name}`)
    },
  }
}

let pool: pg.Pool | undefined

/**
 * Returns a pool with the single connection that this process uses to create and drop databases. The connection does not keep the process
 * alive.
 */
function adminPool(): pg.Pool {
  if (pool) return pool
  const connectionString = urlOf('postgres')
  pool = new pg.Pool({ connectionString, max: 1, idleTimeoutMillis: 0, allowExitOnIdle: true })
  // If the connection is lost, the next query fails anyway, so this error need not be handled.
  pool.on('error', () => undefined)
  return pool
}

/** Clones a database by copying its files; with the default strategy, the write-ahead log, this would take twice as long. */
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
