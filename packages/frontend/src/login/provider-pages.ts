import { loginByIdentity } from '@copr/domain/logins/oidc-login'
import { openSession } from '@copr/domain/users/sessions'
import { CoprError } from '@copr/process/errors'
import { Hono } from 'hono'
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie'
import type { Frontend } from '../frontend.ts'
import { setSessionCookie } from '../http/session-cookie.ts'
import { nextOf } from './login-pages.ts'
import type { LoginProvider } from './login-provider.ts'
import { PendingLogin } from './provider-client.ts'

const COOKIE = 'oidc_login'
const PATH = '/oidc_auth'
/** Maximum duration of a login, long enough for a password and a second factor. */
const LOGIN_SECONDS = 15 * 60

/** Serves the redirect to the identity provider, and the callback to which the provider redirects back. */
export function providerPages(frontend: Frontend, provider: LoginProvider): Hono {
  const { db, config, now } = frontend
  const app = new Hono({ strict: false })
  const cookie = {
    path: PATH,
    httpOnly: true,
    sameSite: 'Lax',
    secure: config.public_url.startsWith('https:'),
    maxAge: LOGIN_SECONDS,
  } as const

  app.get('/oidc_login', async (c) => {
    const { url, pending } = await provider.begin(nextOf(pathOf(c.req.query('next'), config)))
    await setSignedCookie(c, COOKIE, JSON.stringify(pending), await provider.secret(), cookie)
    c.header('Cache-Control', 'no-store')
    return c.redirect(url, 302)
  })

  app.get(PATH, async (c) => {
    const kept = await getSignedCookie(c, await provider.secret(), COOKIE)
    // A pending login is used only once.
    deleteCookie(c, COOKIE, { path: PATH })
    if (!kept)
      throw new CoprError(
        'invalid',
        'Cannot log in: this login was not started in this browser, or has expired. Log in again',
      )
    const pending = PendingLogin.parse(JSON.parse(kept))
    const { search } = new URL(c.req.url)
    const { identity, id_token } = await provider.finish(search, pending)
    const { admin_group } = provider
    const user = await loginByIdentity(db, identity, { admin_group, now: now() })
    setSessionCookie(c, frontend, await openSession(db, user.id, now(), id_token))
    c.header('Cache-Control', 'no-store')
    return c.redirect(pending.next, 303)
  })
  return app
}

/** The path to return to after the login; old links contain a full URL. */
function pathOf(next: string | undefined, { public_url }: Frontend['config']): string | undefined {
  return next?.startsWith(`${public_url}/`) ? next.slice(public_url.length) : next
}
