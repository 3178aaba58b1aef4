import { sameSecret } from '@copr/process/http-server'
import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import { getCookie } from 'hono/cookie'
import type { Frontend } from '../frontend.ts'

export const SESSION_COOKIE = 'session'
const CSRF_HEADER = 'x-csrf-token'

type Site = Pick<Frontend, 'config'>

/** The CSRF token that pages put into each form. It is derived from the secret in the cookie, so that it need not be stored. */
export function csrfTokenOf(c: Context): string {
  const cookie = getCookie(c, SESSION_COOKIE) ?? ''
  return createHash('sha256').update(`csrf:${cookie}`).digest('base64url')
}

export function isCsrfToken(c: Context, token: unknown): boolean {
  return typeof token === 'string' && sameSecret(token, csrfTokenOf(c))
}

/**
 * Whether there is proof that a page of this site sent the request. The cookie alone is not proof: browsers also add it to requests from
 * pages on another port of the same host, or on a sibling host.
 */
export function isFromThisSite(c: Context, site: Site): boolean {
  return originOf(c, site) === 'same' || isCsrfToken(c, c.req.header(CSRF_HEADER))
}

/** Whether the browser reports that another site initiated the request. */
export function isFromAnotherSite(c: Context, site: Site): boolean {
  return originOf(c, site) === 'other'
}

/**
 * The origin of a request according to Sec-Fetch-Site. If the browser does not send that header, for example over plain HTTP, Origin is
 * used.
 */
function originOf(c: Context, { config }: Site): 'same' | 'other' | 'unknown' {
  const site = c.req.header('sec-fetch-site')
  // The user initiated the request, with a bookmark for instance.
  if (site === 'none') return 'unknown'
  if (site !== undefined) return site === 'same-origin' ? 'same' : 'other'
  const origin = c.req.header('origin')
  if (origin === undefined) return 'unknown'
  const url = URL.parse(origin)
  if (!url) return 'other'
  const isOurs = url.origin === new URL(config.public_url).origin
  // The site may have other host names, such as `localhost` for 127.0.0.1.
  return isOurs || url.host === new URL(c.req.url).host ? 'same' : 'other'
}
