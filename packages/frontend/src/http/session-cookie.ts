import { SESSION_SECONDS } from '@copr/domain/users/sessions'
import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { Frontend } from '../frontend.ts'
import { SESSION_COOKIE } from './same-origin.ts'

/** Stores the return value of openSession() in the browser. */
export function setSessionCookie(c: Context, { config }: Frontend, cookie: string): void {
  setCookie(c, SESSION_COOKIE, cookie, {
    path: '/',
    httpOnly: true,
    sameSite: 'Lax',
    secure: config.public_url.startsWith('https:'),
    maxAge: SESSION_SECONDS,
  })
}

/** The session cookie of a request; empty if there is none. */
export function sessionCookie(c: Context): string {
  return getCookie(c, SESSION_COOKIE) ?? ''
}

export function dropSessionCookie(c: Context): void {
  deleteCookie(c, SESSION_COOKIE, { path: '/' })
}
