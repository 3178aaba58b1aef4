import type { Db } from '../database/open.ts'
import { hashOfSecret, newSecret } from './secrets.ts'
import { USER_COLUMNS } from './user-queries.ts'
import type { User } from '../audit/actor.ts'

/** Lifetime of a browser session. */
export const SESSION_SECONDS = 14 * 24 * 60 * 60

/** Opens a session; returns its cookie, of which only the hash is stored. `id_token` is for the logout at the identity provider. */
export async function openSession(
  db: Db,
  user_id: number,
  now: Date,
  id_token: string | null = null,
): Promise<string> {
  const cookie = newSecret()
  const expires_at = new Date(now.getTime() + SESSION_SECONDS * 1000)
  await db.deleteFrom('session').where('expires_at', '<', now).execute()
  await db
    .insertInto('session')
    .values({ token_hash: hashOfSecret(cookie), user_id, created_at: now, expires_at, id_token })
    .execute()
  return cookie
}

export async function userOfSession(db: Db, cookie: string, now: Date): Promise<User | undefined> {
  return await db
    .selectFrom('session')
    .innerJoin('user_account', 'user_account.id', 'session.user_id')
    .select(USER_COLUMNS)
    .where('token_hash', '=', hashOfSecret(cookie))
    .where('expires_at', '>', now)
    .where('blocked_at', 'is', null)
    .executeTakeFirst()
}

/** Closes a session; returns its `id_token` if the user logged in through the identity provider. */
export async function closeSession(db: Db, cookie: string): Promise<string | undefined> {
  const closed = await db
    .deleteFrom('session')
    .where('token_hash', '=', hashOfSecret(cookie))
    .returning('id_token')
    .executeTakeFirst()
  return closed?.id_token ?? undefined
}

export interface SessionSummary {
  created_at: Date
  expires_at: Date
  /** Whether this is the session of the current request. */
  is_current: boolean
}

export async function listSessions(
  db: Db,
  user_id: number,
  { cookie, now }: { cookie: string; now: Date },
): Promise<SessionSummary[]> {
  const current = hashOfSecret(cookie)
  const rows = await db
    .selectFrom('session')
    .select(['token_hash', 'created_at', 'expires_at'])
    .where('user_id', '=', user_id)
    .where('expires_at', '>', now)
    .orderBy('created_at', 'desc')
    .limit(100)
    .execute()
  return rows.map(({ token_hash, ...session }) => ({
    ...session,
    is_current: token_hash.equals(current),
  }))
}

/** Closes all sessions of a user, except the one with the cookie `but`. */
export async function closeSessions(
  db: Db,
  user_id: number,
  { but }: { but?: string | undefined } = {},
): Promise<void> {
  let query = db.deleteFrom('session').where('user_id', '=', user_id)
  if (but !== undefined) query = query.where('token_hash', '!=', hashOfSecret(but))
  await query.execute()
}
