import { onTheWeb, type UserActor } from '@copr/domain/audit/actor'
import { userOfToken } from '@copr/domain/users/api-tokens'
import { userOfSession } from '@copr/domain/users/sessions'
import { type Need, refusalOfToken } from '@copr/domain/users/token-limits'
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'
import { getCookie } from 'hono/cookie'
import type { Frontend } from '../frontend.ts'
import { attempt, countedToken } from './attempts.ts'
import { isFromThisSite, SESSION_COOKIE } from './same-origin.ts'

/**
 * Authenticates an API request by its token or, without an Authorization header, by the browser session. Throws if the limits of the token
 * do not allow the operation.
 */
export async function requireUser(c: Context, frontend: Frontend, need: Need): Promise<UserActor> {
  const user = await userOf(c, frontend)
  const refusal = user && refusalOfToken(user, need)
  if (refusal !== undefined)
    throw new CoprError(
      'forbidden',
      `Your token may not do this: ${refusal}. Create another one at ${frontend.config.public_url}/api`,
    )
  if (user) return user
  throw new CoprError(
    'unauthenticated',
    `Login invalid/expired. Please visit ${frontend.config.public_url}/api to get or renew your API token`,
  )
}

async function userOf(c: Context, frontend: Frontend): Promise<UserActor | undefined> {
  const header = c.req.header('authorization')
  if (header === undefined) {
    // A GET needs no CSRF proof: pages of other sites cannot read the response.
    const isProven = c.req.method === 'GET' || isFromThisSite(c, frontend)
    return isProven ? await sessionUser(c, frontend) : undefined
  }
  const credentials = basicCredentials(header)
  if (!credentials) return undefined
  const { login, token } = credentials
  return await attempt(frontend, {
    counted: countedToken(c, frontend, login),
    credential: `token ${login}:${token}`,
    look: async () => await userOfToken(frontend.db, credentials, frontend.now()),
  })
}

/** Returns the user of the session that the browser's cookie identifies; undefined without a valid session. */
export async function sessionUser(
  c: Context,
  { db, now }: Pick<Frontend, 'db' | 'now'>,
): Promise<UserActor | undefined> {
  const cookie = getCookie(c, SESSION_COOKIE)
  const user = cookie ? await userOfSession(db, cookie, now()) : undefined
  return user && onTheWeb(user)
}

function basicCredentials(header: string): { login: string; token: string } | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header.trim())?.[1]
  if (encoded === undefined) return undefined
  const decoded = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  // PostgreSQL's text cannot contain NUL.
  if (colon < 0 || decoded.includes('\0')) return undefined
  return { login: decoded.slice(0, colon), token: decoded.slice(colon + 1) }
}
