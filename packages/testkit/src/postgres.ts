import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '@copr/domain/database/embedded-postgres'
import { migrate } from '@copr/domain/database/migrate'
import { type Db, openDb } from '@copr/domain/database/open'
import pg from 'pg'

export {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '@copr/domain/database/embedded-postgres'

/** Where the tests' PostgreSQL answers: set by the global setup, else a server of this process's own is started. */
const VARIABLE = 'COPR_TEST_POSTGRES'

export interface TestServer extends AsyncDisposable {
  /** Of the migrated template database. */
  readonly url: string
}

/** A PostgreSQL in a temporary folder, with the schema in its database `copr`. */
export async function startTestPostgres(): Promise<TestServer> {
  const dir = mkdtempSync(join(tmpdir(), 'copr-test-postgres-'))
  const server = await startEmbeddedPostgres({
    dir: join(dir, 'postgres'),
    password: 'test',
    unsafe: true,
  })
  await migrate(server.url)
  return {
    url: server.url,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

export interface TestDb extends AsyncDisposable {
  readonly db: Db
  readonly url: string
}

/**
 * A private database cloned from the migrated template; gone when the test's scope ends.
 * The test run's global setup (test-setup.ts) has started the server.
 */
export async function openTestDb(): Promise<TestDb> {
  const template = process.env[VARIABLE]
  if (!template)
    throw new Error(
      `Cannot open a test database: ${VARIABLE} is not set; run node with --test-global-setup=packages/testkit/src/test-setup.ts`,
    )
  const name = `t_${randomUUID().replaceAll('-', '')}`
  const admin = new pg.Client(template.replace(/[^/]*$/, 'postgres'))
  await admin.connect()
  await admin.query(`create database ${name} template copr`)
  const url = template.replace(/[^/]*$/, name)
  const db = openDb(url, { max_connections: 8 })
  return {
    db,
    url,
    async [Symbol.asyncDispose]() {
      await db.destroy()
      // Without force PostgreSQL waits for the connections that are just closing; with it they would report errors.
      await admin.query(`drop database ${name}`)
      await admin.end()
    },
  }
}
