import { sameSecret } from '@copr/process/http-server'
import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import { getCookie } from 'hono/cookie'
import type { Frontend } from '../frontend.ts'

export const SESSION_COOKIE = 'session'
const CSRF_HEADER = 'x-csrf-token'

type Site = Pick<Frontend, 'config'>

/** Goes into each form of a page. Derived from the secret in the cookie, so that it need not be kept. */
export function csrfTokenOf(c: Context): string {
  const cookie = getCookie(c, SESSION_COOKIE) ?? ''
  return createHash('sha256').update(`csrf:${cookie}`).digest('base64url')
}

export function isCsrfToken(c: Context, token: unknown): boolean {
  return typeof token === 'string' && sameSecret(token, csrfTokenOf(c))
}

/**
 * Is there proof that a page of this site sent the request? The cookie alone is none: browsers add it to what pages
 * of the same host at another port, or of a sibling host, have them send.
 */
export function isFromThisSite(c: Context, site: Site): boolean {
  return originOf(c, site) === 'same' || isCsrfToken(c, c.req.header(CSRF_HEADER))
}

/** Does a browser say that another site had it send the request? */
export function isFromAnotherSite(c: Context, site: Site): boolean {
  return originOf(c, site) === 'other'
}

/** Browsers say it in Sec-Fetch-Site, or where that is missing, as over plain HTTP, in Origin. */
function originOf(c: Context, { config }: Site): 'same' | 'other' | 'unknown' {
  const site = c.req.header('sec-fetch-site')
  // The user had it sent, by a bookmark for instance.
  if (site === 'none') return 'unknown'
  if (site !== undefined) return site === 'same-origin' ? 'same' : 'other'
  const origin = c.req.header('origin')
  if (origin === undefined) return 'unknown'
  const url = URL.parse(origin)
  if (!url) return 'other'
  const isOurs = url.origin === new URL(config.public_url).origin
  // The site has other names, too: `localhost` for 127.0.0.1.
  return isOurs || url.host === new URL(c.req.url).host ? 'same' : 'other'
}
