import type { UserActor } from '@copr/domain/audit/actor'
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'
import type { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { sessionUser } from '../http/authenticate.ts'
import { type Form, readForm } from '../http/read-form.ts'
import { csrfTokenOf, isCsrfToken } from '../http/same-origin.ts'
import { paths } from './paths.ts'

export type Html = ReturnType<typeof html>

/** The context in which a page is rendered. */
export interface View {
  frontend: Frontend
  user: UserActor | undefined
  /** The CSRF token that each form must contain. */
  csrf: string
  path: string
  now: Date
}

/** The view of a page with the given access. The view of every page has a user, except for pages that admit `anyone`. */
export type ViewFor<Access extends string> = Access extends 'anyone'
  ? View
  : View & { user: UserActor }

export async function viewOf(c: Context, frontend: Frontend): Promise<View> {
  const user = await sessionUser(c, frontend)
  const url = new URL(c.req.url)
  return {
    frontend,
    user,
    csrf: csrfTokenOf(c),
    path: `${url.pathname}${url.search}`,
    now: frontend.now(),
  }
}

/** Thrown to redirect visitors to the login, which then returns them to the page. */
export class LoginNeeded extends Error {
  override readonly name = 'LoginNeeded'
}

/** The view of an authenticated user; throws `LoginNeeded` if there is none. */
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

/** Throws unless the form contains the CSRF token of this session. */
export function checkCsrf(c: Context, form: Form): void {
  if (!isCsrfToken(c, form['csrf_token']))
    throw new CoprError('forbidden', 'The form has expired: reload the page')
}

/** Reads a submitted form; throws unless it contains the CSRF token of this session. */
export async function sentForm(c: Context): Promise<{ form: Form }> {
  const form = await readForm(c)
  checkCsrf(c, form)
  return { form }
}
