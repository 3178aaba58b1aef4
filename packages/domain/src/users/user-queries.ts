import { OwnerName } from '@copr/contract/names'
import { CoprError } from '@copr/process/errors'
import type { SelectQueryBuilder } from 'kysely'
import { isUniqueViolation } from '../database/errors.ts'
import type { User } from '../audit/actor.ts'
import type { Db } from '../database/open.ts'
import type { DB } from '../database/schema.ts'
import { checkPassword, hashPassword, requireGoodPassword } from './passwords.ts'

export const USER_COLUMNS = [
  'user_account.id',
  'user_account.username',
  'user_account.email',
  'user_account.is_admin',
] as const

export interface NewUser {
  username: string
  email?: string
  /** Without one, the user cannot log in with a password. */
  password?: string
  is_admin?: boolean
  now: Date
}

export async function createUser(db: Db, user: NewUser): Promise<User> {
  const { username, email = null, password, is_admin = false, now } = user
  if (!OwnerName.safeParse(username).success || username.startsWith('@'))
    throw new CoprError(
      'invalid',
      `Cannot create user ${JSON.stringify(username)}: the name may have letters, digits, "_", "." and "-"`,
    )
  if (password !== undefined) requireGoodPassword(password, username)
  const password_hash = password === undefined ? null : await hashPassword(password)
  try {
    return await db
      .insertInto('user_account')
      .values({ username, email, is_admin, password_hash, created_at: now })
      .returning(USER_COLUMNS)
      .executeTakeFirstOrThrow()
  } catch (error) {
    if (isUniqueViolation(error))
      throw new CoprError('conflict', `Cannot create user ${username}: it exists already`)
    throw error
  }
}

export async function findUser(db: Db, username: string): Promise<User | undefined> {
  return await db
    .selectFrom('user_account')
    .select(USER_COLUMNS)
    .where('username', '=', username)
    .executeTakeFirst()
}

export async function requireUserNamed(db: Db, username: string): Promise<User> {
  const user = await findUser(db, username)
  if (!user) throw new CoprError('not_found', `User ${username} does not exist`)
  return user
}

/** A user as administrators see it. */
export interface Account extends User {
  created_at: Date
  blocked_at: Date | null
  has_password: boolean
  wants_mail: boolean
  /** The user's permanent id at the identity provider; null for a local user. */
  oidc_subject: string | null
}

export async function listAccounts(db: Db): Promise<Account[]> {
  return await accounts(db).orderBy('username').execute()
}

export async function findAccount(db: Db, username: string): Promise<Account | undefined> {
  return await accounts(db).where('username', '=', username).executeTakeFirst()
}

function accounts(db: Db): SelectQueryBuilder<DB, 'user_account', Account> {
  return db
    .selectFrom('user_account')
    .select((eb) => [
      ...USER_COLUMNS,
      'created_at',
      'blocked_at',
      'oidc_subject',
      'wants_mail',
      eb('password_hash', 'is not', null).as('has_password'),
    ]) as SelectQueryBuilder<DB, 'user_account', Account>
}

/**
 * Finds the user with this name and password. If there is no such user, takes just as long and returns undefined. Throws if the account is
 * blocked.
 */
export async function userOfPassword(
  db: Db,
  username: string,
  password: string,
): Promise<User | undefined> {
  const found = await db
    .selectFrom('user_account')
    .select([...USER_COLUMNS, 'password_hash', 'blocked_at'])
    .where('username', '=', username)
    .executeTakeFirst()
  if (!(await checkPassword(password, found?.password_hash ?? null)) || !found) return undefined
  const { password_hash: _, blocked_at, ...user } = found
  if (blocked_at !== null)
    throw new CoprError('forbidden', `The account ${username} is blocked: ask an administrator`)
  return user
}
