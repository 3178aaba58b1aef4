import { CoprError } from '@copr/process/errors'
import { audit } from '../audit/audit.ts'
import type { Db } from '../database/open.ts'
import { type Actor, onTheWeb, type User } from '../audit/actor.ts'
import { storePassword } from '../users/change-user.ts'
import { hashPassword, requireGoodPassword } from '../users/passwords.ts'
import { hashOfSecret, newSecret } from '../users/secrets.ts'
import { closeSessions } from '../users/sessions.ts'
import { USER_COLUMNS } from '../users/user-queries.ts'

const VALID_MS = 24 * 60 * 60 * 1000

/**
 * Stores a login link whose secret was generated elsewhere and is not known here: only its hash is. Invalidates the user's earlier link.
 */
export async function enterLoginLink(
  db: Db,
  actor: Actor,
  user: Pick<User, 'id' | 'username'>,
  link: { token_hash: Buffer; expires_at: Date },
  now: Date,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await tx.deleteFrom('login_link').where('user_id', '=', user.id).execute()
    await tx
      .insertInto('login_link')
      .values({ ...link, user_id: user.id, created_at: now })
      .execute()
    await audit(tx, actor, { action: 'user.link', subject: `user ${user.username}` }, now)
  })
}

/**
 * Creates a link that is valid for one day, with which the user can set a password once; returns its secret. Invalidates the user's earlier
 * link.
 */
export async function makeLoginLink(
  db: Db,
  actor: Actor,
  user: Pick<User, 'id' | 'username'>,
  now: Date,
): Promise<string> {
  const secret = newSecret()
  const expires_at = new Date(now.getTime() + VALID_MS)
  await enterLoginLink(db, actor, user, { token_hash: hashOfSecret(secret), expires_at }, now)
  return secret
}

/** Finds the user of a login link; the link remains valid. */
export async function userOfLoginLink(
  db: Db,
  secret: string,
  now: Date,
): Promise<User | undefined> {
  return await db
    .selectFrom('login_link')
    .innerJoin('user_account', 'user_account.id', 'login_link.user_id')
    .select(USER_COLUMNS)
    .where('token_hash', '=', hashOfSecret(secret))
    .where('expires_at', '>', now)
    .where('blocked_at', 'is', null)
    .executeTakeFirst()
}

/** The error for a link that was used, has expired, or never existed. */
export function unknownLoginLink(): CoprError {
  return new CoprError(
    'not_found',
    'This link has been used or has expired: ask an administrator for a new one',
  )
}

/** Sets the password of the link's user and invalidates the link. If the password is refused, the link remains valid. */
export async function redeemLoginLink(
  db: Db,
  { secret, password }: { secret: string; password: string },
  now: Date,
): Promise<User> {
  const user = await userOfLoginLink(db, secret, now)
  if (!user) throw unknownLoginLink()
  requireGoodPassword(password, user.username)
  const password_hash = await hashPassword(password)
  await db.transaction().execute(async (tx) => {
    // The deletion is atomic: of two concurrent requests, only one finds the link.
    const used = await tx
      .deleteFrom('login_link')
      .where('token_hash', '=', hashOfSecret(secret))
      .returning('user_id')
      .executeTakeFirst()
    if (!used) throw unknownLoginLink()
    await storePassword(tx, onTheWeb(user), user, { password_hash, now })
    await closeSessions(tx, user.id)
  })
  return user
}
