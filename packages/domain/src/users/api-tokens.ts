import { timingSafeEqual } from 'node:crypto'
import { audit } from '../audit/audit.ts'
import type { Db } from '../database/open.ts'
import type { Actor, UserActor } from '../audit/actor.ts'
import { hashOfSecret, randomLetters } from './secrets.ts'
import { requireOfToken } from './token-limits.ts'
import { USER_COLUMNS } from './user-queries.ts'

export interface IssuedToken {
  login: string
  /** The secret, which is shown once: only its hash is stored. */
  token: string
  /** The last day on which the token is valid, in UTC: YYYY-MM-DD. */
  expires_on: string
}

export const MS_PER_DAY = 24 * 60 * 60 * 1000
/** Minimum time between updates of `last_used_at`. Precision is not needed, because the time is only displayed. */
const USE_RECORDED_EVERY_MS = 60 * 60 * 1000

export interface IssueOptions {
  now: Date
  days: number
  /** The user who requested the token; undefined when the system issues one for itself, which is not audited. */
  actor?: Actor
}

/** Issues a new classic token to the user, which replaces the previous one. */
export async function issueToken(
  db: Db,
  user_id: number,
  { now, days, actor }: IssueOptions,
): Promise<IssuedToken> {
  if (actor) requireOfToken(actor, { access: 'account' })
  const issued = {
    login: randomLetters(20),
    token: randomLetters(30),
    expires_on: dateOf(new Date(now.getTime() + days * MS_PER_DAY)),
  }
  await db.transaction().execute(async (tx) => {
    // The lock serializes concurrent requests.
    const { username } = await tx
      .selectFrom('user_account')
      .select('username')
      .where('id', '=', user_id)
      .forNoKeyUpdate()
      .executeTakeFirstOrThrow()
    await tx
      .deleteFrom('api_token')
      .where('user_id', '=', user_id)
      .where('name', 'is', null)
      .execute()
    await tx
      .insertInto('api_token')
      .values({
        user_id,
        login: issued.login,
        token_hash: hashOfSecret(issued.token),
        expires_on: issued.expires_on,
        created_at: now,
      })
      .execute()
    if (actor) {
      const subject = `classic token of ${username}`
      const details = { expires_on: issued.expires_on }
      await audit(tx, actor, { action: 'token.make', subject, details }, now)
    }
  })
  return issued
}

/** Authenticates an API token; returns undefined if it is wrong or expired, or if its user is blocked. */
export async function userOfToken(
  db: Db,
  { login, token }: { login: string; token: string },
  now: Date,
): Promise<UserActor | undefined> {
  const found = await db
    .selectFrom('api_token')
    .innerJoin('user_account', 'user_account.id', 'api_token.user_id')
    .select([
      ...USER_COLUMNS,
      'token_hash',
      'expires_on',
      'last_used_at',
      'api_token.id as token_id',
      'api_token.name as token_name',
      'scopes',
      'project_id',
    ])
    .where('login', '=', login)
    .where('blocked_at', 'is', null)
    .executeTakeFirst()
  if (!found || !timingSafeEqual(found.token_hash, hashOfSecret(token))) return undefined
  if (found.expires_on < dateOf(now)) return undefined
  const {
    token_hash: _,
    expires_on: __,
    last_used_at,
    token_id,
    token_name,
    scopes,
    project_id,
    ...user
  } = found
  if (!last_used_at || now.getTime() - last_used_at.getTime() > USE_RECORDED_EVERY_MS)
    await db
      .updateTable('api_token')
      .set({ last_used_at: now })
      .where('id', '=', token_id)
      .execute()
  return token_name === null
    ? { ...user, via: 'token' }
    : { ...user, via: `token ${token_name}`, limits: { scopes, project_id } }
}

/** Returns the user's classic token without its secret; undefined if there is none. */
export async function tokenOf(
  db: Db,
  user_id: number,
): Promise<{ login: string; expires_on: string; last_used_at: Date | null } | undefined> {
  return await db
    .selectFrom('api_token')
    .select(['login', 'expires_on', 'last_used_at'])
    .where('user_id', '=', user_id)
    .where('name', 'is', null)
    .executeTakeFirst()
}

/** Returns the date in UTC: YYYY-MM-DD. */
export function dateOf(moment: Date): string {
  return moment.toISOString().slice(0, 10)
}
