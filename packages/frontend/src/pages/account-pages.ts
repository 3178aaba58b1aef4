import { listActiveChroots } from '@copr/domain/chroots/chroot-queries'
import { issueToken, type IssuedToken, tokenOf } from '@copr/domain/users/api-tokens'
import { closeSession, openSession, SESSION_SECONDS } from '@copr/domain/users/sessions'
import { userOfPassword } from '@copr/domain/users/user-queries'
import { type Context, Hono } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { SESSION_COOKIE } from '../http/authenticate.ts'
import { readForm } from '../http/read-form.ts'
import { postButton, submitButton, textField } from './forms.ts'
import { heading, layout } from './layout.ts'
import { LoginThrottle } from './login-throttle.ts'
import { alert, card, code, facts, time } from './parts.ts'
import { paths } from './paths.ts'
import { checkCsrf, type Html, userView, type View, viewOf } from './view.ts'

export function accountPages(frontend: Frontend): Hono {
  const { db, config, now } = frontend
  const app = new Hono({ strict: false })
  const throttle = new LoginThrottle()

  app.get('/login', async (c) => {
    const view = await viewOf(c, frontend)
    const next = nextOf(c.req.query('next'))
    if (view.user) return c.redirect(next, 303)
    return await c.html(loginPage(view, next))
  })

  app.post('/login', async (c) => {
    const form = await readForm(c)
    const next = nextOf(form['next'])
    const username = textOf(form['username']).trim()
    const key = username.toLowerCase()
    const refuse = async (status: 400 | 429, message: string): Promise<Response> =>
      c.html(await loginPage(await viewOf(c, frontend), next, { username, message }), status)
    if (throttle.isBlocked(key, now()))
      return await refuse(429, 'Too many failed attempts: try again in ten minutes')
    const user = username.includes('\0')
      ? undefined
      : await userOfPassword(db, username, textOf(form['password']))
    if (!user) {
      throttle.failed(key, now())
      return await refuse(400, 'User name or password is wrong')
    }
    throttle.succeeded(key)
    setSession(c, await openSession(db, user.id, now()))
    return c.redirect(next, 303)
  })

  app.post('/logout', async (c) => {
    checkCsrf(c, await readForm(c))
    await closeSession(db, getCookie(c, SESSION_COOKIE) ?? '')
    deleteCookie(c, SESSION_COOKIE, { path: '/' })
    return c.redirect(paths.home(), 303)
  })

  app.get('/api', async (c) => {
    const view = await viewOf(c, frontend)
    return await c.html(
      apiPage({ view, token: await currentToken(view), chroot: await someChroot() }),
    )
  })

  app.get('/api/new', (c) => c.redirect(paths.api(), 303))
  app.post('/api/new', async (c) => {
    const view = await userView(c, frontend)
    checkCsrf(c, await readForm(c))
    const days = config.limits.token_days
    const issued = await issueToken(db, view.user.id, { now: now(), days })
    c.header('Cache-Control', 'no-store')
    const chroot = await someChroot()
    return await c.html(apiPage({ view, token: undefined, chroot, issued }))
  })

  async function currentToken(view: View): Promise<TokenFacts | undefined> {
    return view.user && (await tokenOf(db, view.user.id))
  }

  /** For the example. */
  async function someChroot(): Promise<string> {
    return (await listActiveChroots(db))[0]?.name ?? 'CHROOT'
  }

  function setSession(c: Context, cookie: string): void {
    setCookie(c, SESSION_COOKIE, cookie, {
      path: '/',
      httpOnly: true,
      sameSite: 'Lax',
      secure: config.public_url.startsWith('https:'),
      maxAge: SESSION_SECONDS,
    })
  }
  return app
}

type TokenFacts = NonNullable<Awaited<ReturnType<typeof tokenOf>>>

function loginPage(view: View, next: string, failed?: { username: string; message: string }): Html {
  const body = html`<div class="narrow">
    ${heading('Log in')} ${failed ? alert('danger', failed.message) : ''}
    <form class="pf-v6-c-form" method="post" action="${paths.login()}">
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
    </form>
  </div>`
  return layout(view, 'Log in', body)
}

interface ApiPage {
  view: View
  token: TokenFacts | undefined
  /** One to show in the examples. */
  chroot: string
  /** Just made. */
  issued?: IssuedToken
}

function apiPage({ view, token, chroot, issued }: ApiPage): Html {
  const body = html`${heading('API and copr-cli')}
    <p class="lead">
      Scripts, copr-cli and python-copr talk to this site with a token. Install the client with
      <code>dnf install copr-cli</code> or <code>pip install copr-cli</code>.
    </p>
    ${issued ? newToken(view, issued) : ''}
    ${view.user ? tokenCard(view, token, issued) : loginHint()}
    ${card(
      'First steps',
      code(
        'steps',
        [
          'copr-cli whoami',
          'copr-cli list-chroots',
          `copr-cli create my-project --chroot ${chroot}`,
          'copr-cli build my-project ./hello-2.12-1.src.rpm',
        ].join('\n'),
      ),
    )}`
  return layout(view, 'API', body)
}

function loginHint(): Html {
  return alert(
    'info',
    'Log in to get a token',
    html`<a href="${paths.login(paths.api())}">Log in</a>`,
  )
}

function tokenCard(view: View, token: TokenFacts | undefined, issued?: IssuedToken): Html {
  const rest = token
    ? facts([
        ['Login', html`<code>${token.login}</code>`],
        ['Valid until', token.expires_on],
        ['Last used', time(token.last_used_at)],
      ])
    : html`<p>${issued ? 'Your token is above.' : 'You have no token yet.'}</p>`
  const has = token !== undefined || issued !== undefined
  return card(
    'Your token',
    html`${rest}
      <p class="help">
        Only its hash is kept: it is shown once, when it is made. A new token ends the old one at
        once.
      </p>
      ${postButton(view, {
        action: paths.newToken(),
        text: has ? 'Make a new token' : 'Make a token',
        ...(has ? { confirm: 'The token that you have now stops working. Make a new one?' } : {}),
      })}`,
  )
}

function newToken({ frontend, user }: View, { login, token, expires_on }: IssuedToken): Html {
  const { public_url } = frontend.config
  const lines = [
    '[copr-cli]',
    `login = ${login}`,
    `username = ${user?.username ?? ''}`,
    `token = ${token}`,
    `copr_url = ${public_url}`,
    // copr-cli refuses plain http otherwise.
    ...(public_url.startsWith('http:') ? ['encrypted = False'] : []),
    `# expiration date: ${expires_on}`,
  ]
  return alert(
    'success',
    'Your new token, shown only now',
    html`<p>Save this as <code>~/.config/copr</code>:</p>
      ${code('token', lines.join('\n'))}`,
  )
}

/** Only pages of this site: never where a link from elsewhere wants to lead. */
function nextOf(value: unknown): string {
  const text = textOf(value)
  const base = 'http://site.invalid'
  const url = text.startsWith('/') ? URL.parse(text, base) : null
  return url?.origin === base ? `${url.pathname}${url.search}` : '/'
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
