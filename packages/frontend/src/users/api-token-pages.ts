import { listActiveChroots } from '@copr/domain/chroots/chroot-queries'
import { issueToken, type IssuedToken, tokenOf } from '@copr/domain/users/api-tokens'
import { Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { readForm } from '../http/read-form.ts'
import { postButton } from '../pages/forms.ts'
import { heading, layout } from '../pages/layout.ts'
import { alert, card, code, facts, time } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { checkCsrf, type Html, userView, type View, viewOf } from '../pages/view.ts'

/** Serves the page of the classic API token, which users of copr-cli expect. */
export function apiTokenPages(frontend: Frontend): Hono {
  const { db, config, now } = frontend
  const app = new Hono({ strict: false })

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
    const issued = await issueToken(db, view.user.id, { now: now(), days, actor: view.user })
    c.header('Cache-Control', 'no-store')
    const chroot = await someChroot()
    return await c.html(apiPage({ view, token: undefined, chroot, issued }))
  })

  async function currentToken(view: View): Promise<TokenSummary | undefined> {
    return view.user && (await tokenOf(db, view.user.id))
  }

  /** A chroot for the examples on the page. */
  async function someChroot(): Promise<string> {
    return (await listActiveChroots(db))[0]?.name ?? 'CHROOT'
  }
  return app
}

type TokenSummary = NonNullable<Awaited<ReturnType<typeof tokenOf>>>

interface ApiPage {
  view: View
  token: TokenSummary | undefined
  /** The chroot in the examples. */
  chroot: string
  /** The token that was just made, which is shown once. */
  issued?: IssuedToken
}

function apiPage({ view, token, chroot, issued }: ApiPage): Html {
  const body = html`${heading('API and copr-cli')}
    <p class="lead">
      Scripts, copr-cli and python-copr authenticate to this site with a token. Install the client
      with
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

function tokenCard(view: View, token: TokenSummary | undefined, issued?: IssuedToken): Html {
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
        A token is shown only once, when you create it, because the site stores only its hash. A new
        token replaces the previous one immediately.
      </p>
      ${postButton(view, {
        action: paths.newToken(),
        text: has ? 'Create new token' : 'Create token',
        ...(has ? { confirm: 'Your current token will stop working. Create a new one?' } : {}),
      })}
      <p class="help">
        For CI and other automation, create <a href="${paths.tokens()}">named tokens</a>, which have
        limited scopes and their own lifetime.
      </p>`,
  )
}

function newToken(view: View, issued: IssuedToken): Html {
  return alert(
    'success',
    'Your new token. It will not be shown again',
    html`<p>Save this as <code>~/.config/copr</code>:</p>
      ${code('token', configLines(view, issued))}`,
  )
}

/** Returns the lines of copr-cli's configuration file for a token. */
export function configLines(
  { frontend, user }: View,
  { login, token, expires_on }: IssuedToken,
): string {
  const { public_url } = frontend.config
  return [
    '[copr-cli]',
    `login = ${login}`,
    `username = ${user?.username ?? ''}`,
    `token = ${token}`,
    `copr_url = ${public_url}`,
    // Without this line, copr-cli refuses plain HTTP.
    ...(public_url.startsWith('http:') ? ['encrypted = False'] : []),
    // copr-cli reads and rewrites this comment.
    `# expiration date: ${expires_on}`,
  ].join('\n')
}
