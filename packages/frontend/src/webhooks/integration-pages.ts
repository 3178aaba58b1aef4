import type { Project } from '@copr/domain/projects/project-queries'
import { makeWebhookSecret } from '@copr/domain/projects/webhook-secret'
import { Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { postButton } from '../pages/forms.ts'
import { card, code } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { projectFrame } from '../projects/project-frame.ts'
import { projectPagesOf } from '../projects/on-project.ts'
import type { Html, View } from '../pages/view.ts'

/** The URLs that forges call. */
export function integrationPages(frontend: Frontend): Hono {
  const { db, now } = frontend
  const app = new Hono({ strict: false })
  const { get, post } = projectPagesOf(app, frontend)

  get('/integrations', 'edit', async (c, { view, project }) => {
    const content = project.webhook_secret
      ? withSecret(view, project, project.webhook_secret)
      : withoutSecret(view, project)
    c.header('Cache-Control', 'no-store')
    const frame = { tab: 'integrations' as const, title: 'Integrations', content }
    return await c.html(projectFrame(view, project, frame))
  })

  post('/integrations/new_secret', 'edit', async (c, { view, project }) => {
    await makeWebhookSecret(db, view.user, project, now())
    return c.redirect(paths.integrations(project), 303)
  })
  return app
}

function withoutSecret(view: View, project: Project): Html {
  return card(
    'Webhooks',
    html`<p>
        A forge that calls a webhook after each push has the package built at once. The address
        holds a secret, which the project does not have yet.
      </p>
      ${postButton(view, { action: paths.newWebhookSecret(project), text: 'Make the addresses' })}`,
  )
}

function withSecret(view: View, project: Project, secret: string): Html {
  const { public_url } = view.frontend.config
  const url = (kind: string, rest = '') =>
    `${public_url}/webhooks/${kind}/${project.id}/${secret}/${rest}`
  const forges: [string, string, string][] = [
    [
      'GitHub',
      'github',
      'Settings → Webhooks → Add: content type application/json, pushes and tags',
    ],
    ['GitLab', 'gitlab', 'Settings → Webhooks: push events and tag push events'],
    ['Bitbucket', 'bitbucket', 'Repository settings → Webhooks: pushes; tags are built'],
  ]
  return html`<div class="stack">
    <p class="lead">
      Packages with the source <em>SCM</em> and <em>auto-rebuild</em> are built when their
      repository changes.
    </p>
    ${forges.map(([title, kind, where]) =>
      card(
        title,
        html`${code(kind, url(kind))}
          <p class="help">${where}</p>`,
      ),
    )}
    ${card(
      'Anything else',
      html`${code('custom', `curl -X POST --data-binary @payload ${url('custom', 'PACKAGE/')}`)}
        <p class="help">Builds the package, whatever its source; the answer is the build’s id.</p>`,
    )}
    ${card(
      'A new secret',
      html`<p class="help">Whoever knows the addresses can have packages built.</p>
        ${postButton(view, {
          action: paths.newWebhookSecret(project),
          text: 'Replace the secret',
          confirm: 'The addresses above stop working. Make new ones?',
          kind: 'secondary pf-m-danger',
        })}`,
    )}
  </div>`
}
