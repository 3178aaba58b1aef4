import type { UserActor } from '@copr/domain/users/actor'
import { CoprError } from '@copr/process/errors'
import { sameSecret } from '@copr/process/http-server'
import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import { getCookie } from 'hono/cookie'
import type { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { SESSION_COOKIE, sessionUser } from '../http/authenticate.ts'
import type { Form } from '../http/read-form.ts'
import { paths } from './paths.ts'

export type Html = ReturnType<typeof html>

/** Who looks at a page, and on which site. */
export interface View {
  frontend: Frontend
  user: UserActor | undefined
  /** Goes into each form, so that no other site can send it. */
  csrf: string
  path: string
  now: Date
}

export async function viewOf(c: Context, frontend: Frontend): Promise<View> {
  const user = await sessionUser(c, frontend)
  const url = new URL(c.req.url)
  return {
    frontend,
    user,
    csrf: csrfOf(c),
    path: `${url.pathname}${url.search}`,
    now: frontend.now(),
  }
}

/** Thrown to have the visitor log in and come back. */
export class LoginNeeded extends Error {
  override readonly name = 'LoginNeeded'
}

/** The view of somebody who is logged in. */
export async function userView(
  c: Context,
  frontend: Frontend,
): Promise<View & { user: UserActor }> {
  const view = await viewOf(c, frontend)
  if (!view.user) throw new LoginNeeded()
  return { ...view, user: view.user }
}

export function loginUrl(c: Context): string {
  const { pathname, search } = new URL(c.req.url)
  return paths.login(c.req.method === 'GET' ? `${pathname}${search}` : '/')
}

/** Throws unless the form was made by us for this session. */
export function checkCsrf(c: Context, form: Form): void {
  const token = form['csrf_token']
  if (typeof token !== 'string' || !sameSecret(token, csrfOf(c)))
    throw new CoprError('forbidden', 'The form is out of date: load the page again')
}

/** Derived from the secret in the cookie, so that it need not be kept. */
function csrfOf(c: Context): string {
  const cookie = getCookie(c, SESSION_COOKIE) ?? ''
  return createHash('sha256').update(`csrf:${cookie}`).digest('base64url')
}
