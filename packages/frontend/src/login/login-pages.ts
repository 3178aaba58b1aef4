import { redeemLoginLink, unknownLoginLink, userOfLoginLink } from '@copr/domain/logins/login-links'
import { attemptSucceeded, countAttempt } from '@copr/domain/logins/login-throttle'
import { closeSession, openSession } from '@copr/domain/users/sessions'
import { userOfPassword } from '@copr/domain/users/user-queries'
import type { User } from '@copr/domain/audit/actor'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { attempt, countedLink, loginAttempt, proofOf, tooMany } from '../http/attempts.ts'
import { readForm, SMALL_FORM_BYTES } from '../http/read-form.ts'
import { dropSessionCookie, sessionCookie, setSessionCookie } from '../http/session-cookie.ts'
import type { LoginProvider } from './login-provider.ts'
import { submitButton, textField } from '../pages/forms.ts'
import { heading, layout } from '../pages/layout.ts'
import { newPasswordFields, newPasswordOf, userNameField } from '../users/password-fields.ts'
import { alert } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { checkCsrf, type Html, type View, viewOf } from '../pages/view.ts'

/** Maximum length of a user name in the login form; no user has a longer one. */
const MAX_NAME = 200

/** Serves the pages for login and logout; `provider` is an identity provider, if one is configured. */
export function loginPages(frontend: Frontend, provider: LoginProvider | undefined): Hono {
  const { db, now, log } = frontend
  const app = new Hono({ strict: false })

  app.get('/login', async (c) => {
    const view = await viewOf(c, frontend)
    const next = nextOf(c.req.query('next'))
    if (view.user) return c.redirect(next, 303)
    const isLocal = c.req.query('local') !== undefined
    return await c.html(loginPage(view, next, { provider, isLocal }))
  })

  app.post('/login', async (c) => {
    const form = await readForm(c, { max_bytes: SMALL_FORM_BYTES })
    const next = nextOf(form['next'])
    const username = textOf(form['username']).trim()
    const refuse = async (status: 400 | 403 | 429, message: string): Promise<Response> =>
      c.html(
        await loginPage(await viewOf(c, frontend), next, {
          provider,
          isLocal: true,
          failed: { username, message },
        }),
        status,
      )
    const wrong = 'User name or password is wrong'
    if (username.length > MAX_NAME) return await refuse(400, wrong)
    const login = loginAttempt(c, frontend, username)
    const blocked_until = await countAttempt(db, login, now())
    if (blocked_until) {
      const { message, retry_after } = tooMany(blocked_until, now())
      c.header('Retry-After', String(retry_after))
      return await refuse(429, message)
    }
    let user: User | undefined
    try {
      user = await userOfPassword(db, username, textOf(form['password']))
    } catch (error) {
      if (error instanceof CoprError) return await refuse(403, error.message)
      throw error
    }
    if (!user) return await refuse(400, wrong)
    if (provider?.allow_local_login === false && !user.is_admin)
      return await refuse(
        403,
        `Only administrators can log in with a password: use ${provider.label}`,
      )
    await attemptSucceeded(db, login, now())
    frontend.attempts.succeeded(proofOf(login))
    setSessionCookie(c, frontend, await openSession(db, user.id, now()))
    return c.redirect(next, 303)
  })

  app.post('/logout', async (c) => {
    checkCsrf(c, await readForm(c, { max_bytes: SMALL_FORM_BYTES }))
    const id_token = await closeSession(db, sessionCookie(c))
    dropSessionCookie(c)
    // At this point the user is logged out of this site. An unreachable provider must not look like a failed logout.
    const url = id_token
      ? await provider?.logoutUrl(id_token).catch((err: unknown) => {
          log.warn({ err }, 'Cannot log out at the identity provider')
          return undefined
        })
      : undefined
    return c.redirect(url ?? paths.home(), 303)
  })

  // A GET does not use up the link, because services that show link previews send one. Only submitting the form uses it up.
  app.get('/login/link/:secret', async (c) => {
    return await showLink(c, await requireLink(c, pathPart(c, 'secret')))
  })

  app.post('/login/link/:secret', async (c) => {
    const form = await readForm(c, { max_bytes: SMALL_FORM_BYTES })
    const secret = pathPart(c, 'secret')
    await requireLink(c, secret)
    try {
      const user = await redeemLoginLink(db, { secret, password: newPasswordOf(form) }, now())
      setSessionCookie(c, frontend, await openSession(db, user.id, now()))
      return c.redirect(paths.home(), 303)
    } catch (error) {
      const user = await userOfLoginLink(db, secret, now())
      if (!user) throw unknownLoginLink()
      if (!(error instanceof CoprError) || error.kind !== 'invalid') throw error
      return await showLink(c, user, error.message)
    }
  })

  async function requireLink(c: Context, secret: string): Promise<User> {
    const user = await attempt(frontend, {
      counted: countedLink(c, frontend),
      credential: `link ${secret}`,
      look: async () => await userOfLoginLink(db, secret, now()),
    })
    if (!user) throw unknownLoginLink()
    return user
  }

  async function showLink(c: Context, user: User, fault?: string): Promise<Response> {
    c.header('Cache-Control', 'no-store')
    const view = await viewOf(c, frontend)
    return await c.html(linkPage(view, user, c.req.path, fault), fault === undefined ? 200 : 400)
  }
  return app
}

interface LoginPage {
  provider: LoginProvider | undefined
  /** Whether the password form is shown even if only administrators may log in with a password. */
  isLocal: boolean
  failed?: { username: string; message: string }
}

function loginPage(view: View, next: string, { provider, isLocal, failed }: LoginPage): Html {
  const byProvider = provider
    ? html`<p>
        <a class="pf-v6-c-button pf-m-primary" href="${paths.oidcLogin(next)}"
          >Log in with ${provider.label}</a
        >
      </p>`
    : ''
  const hasForm = isLocal || provider?.allow_local_login !== false
  const body = html`<div class="narrow">
    ${heading('Log in')} ${failed ? alert('danger', failed.message) : ''} ${byProvider}
    ${hasForm ? passwordForm(next, failed) : ''}
  </div>`
  return layout(view, 'Log in', body)
}

function passwordForm(next: string, failed: LoginPage['failed']): Html {
  return html` <form class="pf-v6-c-form" method="post" action="${paths.login()}">
    <input type="hidden" name="next" value="${next}" />
    ${textField(
      { name: 'username', label: 'User name', required: true, autocomplete: 'username' },
      { username: failed?.username ?? '' },
    )}
    ${textField({
      name: 'password',
      label: 'Password',
      required: true,
      type: 'password',
      autocomplete: 'current-password',
    })}
    ${submitButton('Log in')}
  </form>`
}

function linkPage(view: View, { username }: User, action: string, fault?: string): Html {
  const body = html`<div class="narrow">
    ${heading('Choose a password')} ${fault === undefined ? '' : alert('danger', fault)}
    <p class="lead">
      Choose a password for <strong>${username}</strong>. You will be logged in. This link works
      only once.
    </p>
    <form class="pf-v6-c-form" method="post" action="${action}">
      ${userNameField(username)} ${newPasswordFields()} ${submitButton('Set password and log in')}
    </form>
  </div>`
  return layout(view, 'Choose a password', body)
}

/** The path to return to after the login; a URL of another site is replaced by the front page. */
export function nextOf(value: unknown): string {
  const text = textOf(value)
  const base = 'http://site.invalid'
  const url = text.startsWith('/') ? URL.parse(text, base) : null
  if (url?.origin !== base) return '/'
  const path = `${url.pathname}${url.search}`
  // "/..//host" is a path, but it is normalized to "//host", which would be a URL of another host.
  return URL.parse(path, base)?.origin === base ? path : '/'
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
