import type { Project } from '@copr/domain/projects/project-queries'
import { makeWebhookSecret } from '@copr/domain/projects/webhook-secret'
import { Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { postButton } from '../pages/forms.ts'
import { card, code } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { projectFrame } from '../projects/project-frame.ts'
import type { Forge } from './forge-events.ts'
import { projectPagesOf } from '../projects/on-project.ts'
import type { Html, View } from '../pages/view.ts'

/** Serves the page with a project's webhook URLs. */
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
        With a webhook, your forge starts a build after each push. The webhook URL contains a
        secret, which this project does not have yet.
      </p>
      ${postButton(view, { action: paths.newWebhookSecret(project), text: 'Create webhook URLs' })}`,
  )
}

/** Tells users where each forge has its webhook settings. The code does not compile if a forge is missing here. */
const SETTINGS: Record<Forge, { title: string; where: string }> = {
  github: {
    title: 'GitHub',
    where:
      'Settings → Webhooks → Add webhook: content type application/json, events for pushes and tags',
  },
  gitlab: { title: 'GitLab', where: 'Settings → Webhooks: push events and tag push events' },
  bitbucket: {
    title: 'Bitbucket',
    where: 'Repository settings → Webhooks: repository push, which includes tags',
  },
}

function withSecret(view: View, project: Project, secret: string): Html {
  const { public_url } = view.frontend.config
  const url = (kind: string, rest = '') =>
    `${public_url}/webhooks/${kind}/${project.id}/${secret}/${rest}`
  return html`<div class="stack">
    <p class="lead">
      Packages with the source <em>SCM</em> and <em>auto-rebuild</em> are built when their
      repository changes.
    </p>
    ${Object.entries(SETTINGS).map(([forge, { title, where }]) =>
      card(
        title,
        html`${code(forge, url(forge))}
          <p class="help">${where}</p>`,
      ),
    )}
    ${card(
      'Other systems',
      html`${code('custom', `curl -X POST --data-binary @payload ${url('custom', 'PACKAGE/')}`)}
        <p class="help">
          Builds the package, regardless of its source, and returns the build ID.
        </p>`,
    )}
    ${card(
      'Webhook secret',
      html`<p class="help">Anyone who knows these URLs can trigger builds.</p>
        ${postButton(view, {
          action: paths.newWebhookSecret(project),
          text: 'Replace secret',
          confirm: 'The URLs above will stop working. Create new ones?',
          kind: 'secondary pf-m-danger',
        })}`,
    )}
  </div>`
}
