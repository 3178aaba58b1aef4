import { TOKEN_SCOPES, type TokenScope } from '@copr/contract/token-scopes'
import { CoprError } from '@copr/process/errors'
import { audit } from '../audit/audit.ts'
import { isUniqueViolation } from '../database/errors.ts'
import type { Db } from '../database/open.ts'
import type { Actor } from '../audit/actor.ts'
import { dateOf, type IssuedToken, MS_PER_DAY } from './api-tokens.ts'
import { hashOfSecret, randomLetters } from './secrets.ts'
import { requireOfToken } from './token-limits.ts'

export const TOKEN_DAYS = { min: 1, default: 90, max: 365 } as const

export interface NewToken {
  name: string
  /** Must not be empty. */
  scopes: TokenScope[]
  /** Null means all projects that the user may change. */
  project_id: number | null
  days: number
}

export interface TokenSummary {
  id: number
  /** Null for the classic token. */
  name: string | null
  login: string
  /** Null means all scopes. */
  scopes: TokenScope[] | null
  project: { ownername: string; name: string } | null
  created_at: Date
  expires_on: string
  last_used_at: Date | null
}

/** Issues a named token. In contrast to the classic token, it is for a single purpose and has limits; a user can have several. */
export async function issueNamedToken(
  db: Db,
  actor: Actor,
  user: { id: number; username: string },
  { name, scopes, project_id, days }: NewToken,
  now: Date,
): Promise<IssuedToken> {
  const refuse = (why: string): CoprError =>
    new CoprError('invalid', `Cannot create the token: ${why}`)
  if (!/^[\p{L}\p{N}_][\p{L}\p{N}_. -]{0,49}$/u.test(name))
    throw refuse('its name must have 1 to 50 letters, digits, spaces, ".", "_" or "-"')
  if (scopes.length === 0) throw refuse('choose at least one scope')
  if (scopes.some((scope) => !Object.hasOwn(TOKEN_SCOPES, scope)))
    throw refuse(`scopes are ${Object.keys(TOKEN_SCOPES).join(', ')}`)
  if (!Number.isInteger(days) || days < TOKEN_DAYS.min || days > TOKEN_DAYS.max)
    throw refuse(`it can be valid for ${TOKEN_DAYS.min} to ${TOKEN_DAYS.max} days`)
  requireOfToken(actor, { access: 'account' })
  const issued = {
    login: randomLetters(20),
    token: randomLetters(30),
    expires_on: dateOf(new Date(now.getTime() + days * MS_PER_DAY)),
  }
  const facts = { name, scopes, expires_on: issued.expires_on }
  try {
    await db.transaction().execute(async (tx) => {
      await tx
        .insertInto('api_token')
        .values({
          user_id: user.id,
          login: issued.login,
          token_hash: hashOfSecret(issued.token),
          project_id,
          created_at: now,
          ...facts,
        })
        .execute()
      await audit(
        tx,
        actor,
        {
          action: 'token.make',
          project_id: project_id ?? undefined,
          subject: `token ${name} of ${user.username}`,
          details: facts,
        },
        now,
      )
    })
  } catch (error) {
    if (isUniqueViolation(error))
      throw new CoprError(
        'conflict',
        `Cannot create the token: a token named ${name} already exists`,
      )
    throw error
  }
  return issued
}

/** Lists all tokens of a user, the classic one first. */
export async function listTokens(db: Db, user_id: number): Promise<TokenSummary[]> {
  const rows = await db
    .selectFrom('api_token')
    .leftJoin('project', 'project.id', 'api_token.project_id')
    .select([
      'api_token.id',
      'api_token.name',
      'login',
      'scopes',
      'ownername',
      'project.name as projectname',
      'api_token.created_at',
      'expires_on',
      'last_used_at',
    ])
    .where('api_token.user_id', '=', user_id)
    .orderBy('api_token.name', (order) => order.asc().nullsFirst())
    .execute()
  return rows.map(({ ownername, projectname, ...token }) => ({
    ...token,
    project: ownername !== null && projectname !== null ? { ownername, name: projectname } : null,
  }))
}

/** Revokes a token, which stops working at once. */
export async function revokeToken(
  db: Db,
  actor: Actor,
  user: { id: number; username: string },
  token_id: number,
  now: Date,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const gone = await tx
      .deleteFrom('api_token')
      .where('id', '=', token_id)
      .where('user_id', '=', user.id)
      .returning(['name', 'project_id'])
      .executeTakeFirst()
    if (!gone) throw new CoprError('not_found', 'Cannot revoke the token: it no longer exists')
    const subject = `${gone.name === null ? 'classic token' : `token ${gone.name}`} of ${user.username}`
    const project_id = gone.project_id ?? undefined
    await audit(tx, actor, { action: 'token.revoke', project_id, subject }, now)
  })
}
