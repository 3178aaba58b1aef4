import { type Build, findBuild } from '@copr/domain/builds/build-queries'
import { type Db, openDb } from '@copr/domain/database/open'
import { issueToken } from '@copr/domain/users/api-tokens'
import { createUser } from '@copr/domain/users/user-queries'
import { type ApiClient, apiClient, type Credentials } from './api-client.ts'
import { databaseUrlIn, type System } from './start-system.ts'

type Place = Pick<System, 'dataDir' | 'url'>

/** Reads a build from the database, which contains more detail than the API: times in milliseconds, reasons, phases. */
export async function buildSummary(system: Place, id: number): Promise<Build> {
  const build = await withDb(system, (db) => findBuild(db, id))
  if (!build) throw new Error(`Build ${id} does not exist`)
  return build
}

/** Returns the reason of a failed build as the build's page shows it. */
export async function failReason(system: Place, id: number): Promise<string> {
  const { fail_reason, chroots } = await buildSummary(system, id)
  return [fail_reason, ...chroots.map(({ state_reason }) => state_reason)]
    .filter((reason) => reason !== null)
    .join('\n')
}

/** Creates a user who is not the administrator; returns a client for that user. */
export async function anotherUser(system: Place, username: string): Promise<ApiClient> {
  return apiClient(system.url, username, await newAccount(system, username))
}

/** Creates a user who is not the administrator; returns that user's credentials. */
export async function newAccount(system: Place, username: string): Promise<Credentials> {
  const now = new Date()
  return await withDb(system, async (db) => {
    const { id } = await createUser(db, {
      username,
      password: 'password-of-a-test',
      is_admin: false,
      now,
    })
    return await issueToken(db, id, { now, days: 1 })
  })
}

async function withDb<T>({ dataDir }: Place, ask: (db: Db) => Promise<T>): Promise<T> {
  const db = openDb(databaseUrlIn(dataDir), { max_connections: 1, onError: () => undefined })
  try {
    return await ask(db)
  } finally {
    await db.destroy()
  }
}
