import { CoprError } from '@copr/process/errors'
import { audit } from '../audit/audit.ts'
import type { Db, Tx } from '../database/open.ts'
import type { Actor, UserActor, User } from '../audit/actor.ts'
import { hashPassword, requireGoodPassword } from './passwords.ts'
import { closeSessions } from './sessions.ts'
import { createUser, type NewUser, userOfPassword } from './user-queries.ts'

/** Creates a local user on behalf of an administrator. */
export async function addUser(db: Db, actor: Actor, user: NewUser): Promise<User> {
  return await db.transaction().execute(async (tx) => {
    const made = await createUser(tx, user)
    const details = { email: made.email, is_admin: made.is_admin }
    const change = { action: 'user.make', subject: `user ${made.username}`, details }
    await audit(tx, actor, change, user.now)
    return made
  })
}

export interface OwnPassword {
  old: string
  fresh: string
  /** The cookie of the session that stays open. */
  cookie: string
}

/** Sets a new password if the old one is correct, and closes the user's other sessions. */
export async function changeOwnPassword(
  db: Db,
  actor: UserActor,
  { old, fresh, cookie }: OwnPassword,
  now: Date,
): Promise<void> {
  if (!(await userOfPassword(db, actor.username, old)))
    throw new CoprError('invalid', 'Cannot change the password: the old one is wrong')
  await setPassword(db, actor, actor, { password: fresh, keep: cookie, now })
}

export interface SetPassword {
  password: string
  /** The cookie of a session that stays open. */
  keep?: string
  now: Date
}

export async function setPassword(
  db: Db,
  actor: Actor,
  user: Pick<User, 'id' | 'username'>,
  { password, keep, now }: SetPassword,
): Promise<void> {
  requireGoodPassword(password, user.username)
  const password_hash = await hashPassword(password)
  await db.transaction().execute(async (tx) => {
    await storePassword(tx, actor, user, { password_hash, now })
    await closeSessions(tx, user.id, { but: keep })
  })
}

export async function storePassword(
  tx: Tx,
  actor: Actor,
  user: Pick<User, 'id' | 'username'>,
  { password_hash, now }: { password_hash: string; now: Date },
): Promise<void> {
  await tx.updateTable('user_account').set({ password_hash }).where('id', '=', user.id).execute()
  // A login link that was issued earlier must not make it possible to replace the new password.
  await tx.deleteFrom('login_link').where('user_id', '=', user.id).execute()
  await audit(tx, actor, { action: 'user.password', subject: `user ${user.username}` }, now)
}

/** Blocks or unblocks a user. A block ends sessions at once, and prevents logins and the use of tokens. */
export async function setBlocked(
  db: Db,
  actor: Actor,
  user: User,
  { blocked, now }: { blocked: boolean; now: Date },
): Promise<void> {
  await change(db, actor, user, {
    action: blocked ? 'user.block' : 'user.unblock',
    set: { blocked_at: blocked ? now : null },
    now,
  })
}

/** Grants or revokes a user's administrator rights on the site. */
export async function setAdministrator(
  db: Db,
  actor: Actor,
  user: User,
  { is_admin, now }: { is_admin: boolean; now: Date },
): Promise<void> {
  await change(db, actor, user, { action: 'user.admin', set: { is_admin }, now })
}

async function change(
  db: Db,
  actor: Actor,
  user: User,
  {
    action,
    set,
    now,
  }: { action: string; set: { blocked_at: Date | null } | { is_admin: boolean }; now: Date },
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await tx.updateTable('user_account').set(set).where('id', '=', user.id).execute()
    if (action === 'user.block') {
      await closeSessions(tx, user.id)
      await tx.deleteFrom('login_link').where('user_id', '=', user.id).execute()
    }
    const details = 'is_admin' in set ? set : {}
    await audit(tx, actor, { action, subject: `user ${user.username}`, details }, now)
  })
}
