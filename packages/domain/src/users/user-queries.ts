import { OwnerName } from '@copr/contract/names'
import { CoprError } from '@copr/process/errors'
import type { Selectable } from 'kysely'
import { isUniqueViolation } from '../database/errors.ts'
import type { Db } from '../database/open.ts'
import type { UserAccountTable } from '../database/schema.ts'
import { checkPassword, hashPassword } from './passwords.ts'

type Row = Selectable<UserAccountTable>

/** Who acts: what the rules need to know. */
export type User = Pick<Row, 'id' | 'username' | 'email' | 'is_admin'>

export const USER_COLUMNS = [
  'user_account.id',
  'user_account.username',
  'user_account.email',
  'user_account.is_admin',
] as const

export interface NewUser {
  username: string
  email?: string
  /** None: no login by password. */
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

export async function setPassword(db: Db, user_id: number, password: string): Promise<void> {
  const password_hash = await hashPassword(password)
  await db.updateTable('user_account').set({ password_hash }).where('id', '=', user_id).execute()
}

/** The user whose password this is; it takes as long when there is no such user. */
export async function userOfPassword(
  db: Db,
  username: string,
  password: string,
): Promise<User | undefined> {
  const found = await db
    .selectFrom('user_account')
    .select([...USER_COLUMNS, 'password_hash'])
    .where('username', '=', username)
    .executeTakeFirst()
  if (!(await checkPassword(password, found?.password_hash ?? null)) || !found) return undefined
  const { password_hash: _, ...user } = found
  return user
}
