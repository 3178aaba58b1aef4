import { createHash, randomBytes } from 'node:crypto'
import type { Db } from '../database/open.ts'
import { USER_COLUMNS, type User } from './user-queries.ts'

/** How long a login in the browser lasts. */
export const SESSION_SECONDS = 14 * 24 * 60 * 60

/** The cookie's value; only its hash is kept. */
export async function openSession(db: Db, user_id: number, now: Date): Promise<string> {
  const cookie = randomBytes(32).toString('base64url')
  const expires_at = new Date(now.getTime() + SESSION_SECONDS * 1000)
  await db.deleteFrom('session').where('expires_at', '<', now).execute()
  await db
    .insertInto('session')
    .values({ token_hash: hashOf(cookie), user_id, created_at: now, expires_at })
    .execute()
  return cookie
}

export async function userOfSession(db: Db, cookie: string, now: Date): Promise<User | undefined> {
  return await db
    .selectFrom('session')
    .innerJoin('user_account', 'user_account.id', 'session.user_id')
    .select(USER_COLUMNS)
    .where('token_hash', '=', hashOf(cookie))
    .where('expires_at', '>', now)
    .where('blocked_at', 'is', null)
    .executeTakeFirst()
}

export async function closeSession(db: Db, cookie: string): Promise<void> {
  await db.deleteFrom('session').where('token_hash', '=', hashOf(cookie)).execute()
}

function hashOf(cookie: string): Buffer {
  return createHash('sha256').update(cookie).digest()
}
