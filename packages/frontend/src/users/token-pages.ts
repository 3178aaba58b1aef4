import { TOKEN_SCOPES, type TokenScope } from '@copr/contract/token-scopes'
import type { IssuedToken } from '@copr/domain/users/api-tokens'
import {
  issueNamedToken,
  listTokens,
  revokeToken,
  TOKEN_DAYS,
  type TokenSummary,
} from '@copr/domain/users/named-tokens'
import { CoprError, STATUS_OF } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import { requireProject } from '../api/find-or-404.ts'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { type Form, readForm } from '../http/read-form.ts'
import { accountFrame } from './account-frame.ts'
import { configLines } from './api-token-pages.ts'
import {
  checkBoxes,
  csrfField,
  listOf,
  postButton,
  submitButton,
  textField,
} from '../pages/forms.ts'
import { alert, card, code, empty, table, time } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { checkCsrf, type Html, userView, type View } from '../pages/view.ts'

interface Shown {
  issued?: IssuedToken & { name: string }
  /** A form that was refused, with the error. */
  refused?: { form: Form; error: CoprError }
}

/** Serves the page of the user's tokens, with their scopes, expiry and last use. */
export function tokenPages(frontend: Frontend): Hono {
  const { db, now } = frontend
  const app = new Hono({ strict: false })

  app.get('/user/tokens', async (c) => await show(c))

  app.post('/user/tokens/new', async (c) => {
    const { user } = await userView(c, frontend)
    const form = await readForm(c)
    checkCsrf(c, form)
    try {
      const name = textOf(form['name']).trim()
      const project_id = await projectIdOf(textOf(form['project']).trim())
      // issueNamedToken() checks that these are scopes.
      const scopes = listOf(form['scopes']) as TokenScope[]
      const days = Number(textOf(form['days']) || TOKEN_DAYS.default)
      const wanted = { name, scopes, project_id, days }
      const issued = await issueNamedToken(db, user, user, wanted, now())
      return await show(c, { issued: { ...issued, name } })
    } catch (error) {
      if (!(error instanceof CoprError)) throw error
      return await show(c, { refused: { form, error } })
    }
  })

  app.post('/user/tokens/:id{[0-9]{1,15}}/revoke', async (c) => {
    const { user } = await userView(c, frontend)
    checkCsrf(c, await readForm(c))
    await revokeToken(db, user, user, Number(pathPart(c, 'id')), now())
    return c.redirect(paths.tokens(), 303)
  })

  async function projectIdOf(text: string): Promise<number | null> {
    if (text === '') return null
    const [, ownername = '', name = ''] = /^([^/]+)\/([^/]+)$/.exec(text) ?? []
    if (ownername === '')
      throw new CoprError('invalid', 'project: must have the form OWNER/PROJECT')
    return (await requireProject(db, ownername, name)).id
  }

  async function show(c: Context, shown: Shown = {}): Promise<Response> {
    const view = await userView(c, frontend)
    const tokens = await listTokens(db, view.user.id)
    c.header('Cache-Control', 'no-store')
    const { refused } = shown
    return await c.html(
      accountFrame(view, 'tokens', content(view, tokens, shown)),
      refused ? STATUS_OF[refused.error.kind] : 200,
    )
  }
  return app
}

function content(view: View, tokens: TokenSummary[], { issued, refused }: Shown): Html {
  return html`${issued ? newToken(view, issued) : ''}
  ${refused ? alert('danger', refused.error.message) : ''}
  ${card(
    'Tokens',
    tokens.length === 0
      ? empty('No tokens', html`Scripts and CI jobs need a token to act on your behalf.`)
      : table(
          'Tokens',
          ['Name', 'Scopes', 'Project', 'Valid until', 'Last used', ''],
          tokens.map((token) => row(view, token)),
        ),
  )}
  ${newTokenForm(view, refused?.form)}`
}

function row(view: View, { id, name, scopes, project, expires_on, last_used_at }: TokenSummary) {
  const isOver = expires_on < view.now.toISOString().slice(0, 10)
  const shown = name ?? 'classic'
  return [
    name === null ? html`<a href="${paths.api()}">classic</a>` : html`${name}`,
    html`${scopes?.join(', ') ?? 'everything'}`,
    project
      ? html`<a href="${paths.project(project)}">${project.ownername}/${project.name}</a>`
      : html`all`,
    html`${expires_on}${isOver ? ' (expired)' : ''}`,
    time(last_used_at),
    postButton(view, {
      action: paths.revokeToken(id),
      text: 'Revoke',
      confirm: `Programs that use the token ${shown} will stop working. Revoke it?`,
      kind: 'secondary pf-m-danger',
    }),
  ]
}

function newTokenForm(view: View, form: Form = {}): Html {
  const chosen = listOf(form['scopes'])
  return card(
    'New token',
    html`<form class="pf-v6-c-form" method="post" action="${paths.newNamedToken()}">
      ${csrfField(view)}
      ${textField({ name: 'name', label: 'Name', help: 'What the token is for', required: true }, form)}
      ${checkBoxes(
        { name: 'scopes', label: 'Scopes' },
        Object.entries(TOKEN_SCOPES).map(([value, text]) => ({
          value,
          label: `${value}: ${text}`,
          isChecked: chosen.includes(value),
        })),
      )}
      ${textField(
        {
          name: 'project',
          label: 'Only in this project',
          placeholder: 'OWNER/PROJECT',
          help: 'Leave empty to allow all projects',
        },
        form,
      )}
      ${textField(
        {
          name: 'days',
          label: 'Days until it expires',
          type: 'number',
          help: `At most ${TOKEN_DAYS.max}`,
        },
        { days: String(TOKEN_DAYS.default), ...form },
      )}
      ${submitButton('Create token')}
    </form>`,
  )
}

function newToken(view: View, issued: IssuedToken & { name: string }): Html {
  return alert(
    'success',
    `New token ${issued.name}. It will not be shown again`,
    html`<p>Save this as <code>~/.config/copr</code> on the machine that uses it:</p>
      ${code('token', configLines(view, issued))}`,
  )
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
