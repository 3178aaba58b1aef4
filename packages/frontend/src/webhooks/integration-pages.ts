import { NewProjectSecret, WebhookSettings } from '@copr/contract/api/webhooks'
import { makeWebhookSecret } from '@copr/domain/projects/webhook-secret'
import { deleteSecret, listSecrets } from '@copr/domain/secrets/project-secrets'
import { listDeliveries } from '@copr/domain/received-webhooks/deliveries'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { parseForm } from '../http/read-form.ts'
import { more } from '../pages/page-links.ts'
import { paths } from '../pages/paths.ts'
import type { Html, ViewFor } from '../pages/view.ts'
import { projectFrame } from '../projects/project-frame.ts'
import { projectPagesOf } from '../projects/on-project.ts'
import type { Project } from '@copr/domain/projects/project-queries'
import { deliveryDetails, deliveryLog } from './delivery-cards.ts'
import { newSigningSecret, signingCard, urlCards, withoutSecret } from './integration-cards.ts'
import {
  changeSettings,
  hasSigningSecret,
  replaceSigningSecret,
  storeSecret,
} from './project-secret.ts'
import { replayDelivery, requireDelivery } from './replay-delivery.ts'
import { secretsCard } from './secrets-card.ts'

const PER_PAGE = 50

interface EditPage {
  view: ViewFor<'edit'>
  project: Project
}

/** Serves the page with a project's webhook URLs, its log of deliveries and its secrets. */
export function integrationPages(frontend: Frontend): Hono {
  const { db, now } = frontend
  const app = new Hono({ strict: false })
  const { get, post } = projectPagesOf(app, frontend)

  get('/integrations', 'edit', async (c, page) => await show(c, page))

  post('/integrations/new_secret', 'edit', async (c, { view, project }) => {
    await makeWebhookSecret(db, view.user, project, now())
    return c.redirect(paths.integrations(project), 303)
  })

  post('/integrations/webhook_settings', 'edit', async (c, { view, project, form }) => {
    await changeSettings(frontend, view.user, project, parseForm(WebhookSettings, form))
    return c.redirect(paths.integrations(project), 303)
  })

  post('/integrations/new_signing_secret', 'edit', async (c, page) => {
    const secret = await replaceSigningSecret(frontend, page.view.user, page.project)
    return await show(c, page, newSigningSecret(secret))
  })

  post('/integrations/credentials', 'edit', async (c, { view, project, form }) => {
    const { url, username, password } = form
    const secret = parseForm(NewProjectSecret, { kind: 'git', url, username, password })
    await storeSecret(frontend, view.user, project, secret)
    return c.redirect(paths.integrations(project), 303)
  })

  post('/integrations/forge_tokens', 'edit', async (c, { view, project, form }) => {
    const { forge, forge_url: url, api_url, token: password } = form
    const secret = parseForm(NewProjectSecret, { kind: 'forge', forge, url, api_url, password })
    await storeSecret(frontend, view.user, project, secret)
    return c.redirect(paths.integrations(project), 303)
  })

  post('/integrations/secrets/:secret_id{[0-9]{1,15}}/delete', 'edit', async (c, page) => {
    const { view, project } = page
    const id = Number(pathPart(c, 'secret_id'))
    await deleteSecret(db, view.user, { project, id, now: now() })
    return c.redirect(paths.integrations(project), 303)
  })

  get('/integrations/deliveries/:delivery_id{[0-9]{1,15}}', 'edit', async (c, page) => {
    const { view, project } = page
    const id = Number(pathPart(c, 'delivery_id'))
    const content = deliveryDetails(view, project, await requireDelivery(frontend, project, id))
    return await frame(c, page, `Delivery ${id}`, content)
  })

  post('/integrations/deliveries/:delivery_id{[0-9]{1,15}}/replay', 'edit', async (c, page) => {
    const { view, project } = page
    const id = Number(pathPart(c, 'delivery_id'))
    const copy = await replayDelivery(frontend, view.user, project, id)
    return c.redirect(paths.delivery(project, copy), 303)
  })

  async function show(c: Context, page: EditPage, notice: Html | '' = ''): Promise<Response> {
    const { view, project } = page
    const offset = offsetOf(c.req.query('offset'))
    const found = await listDeliveries(db, project.id, { limit: PER_PAGE + 1, offset })
    const hasSigning = await hasSigningSecret(frontend, project.id)
    const content = html`<div class="stack">
      ${notice}
      ${project.webhook_secret ? urlCards(view, project, project.webhook_secret) : withoutSecret(view, project)}
      ${deliveryLog(view, project, found.slice(0, PER_PAGE))}
      ${more(found.length > PER_PAGE, `?offset=${offset + PER_PAGE}`)}
      ${signingCard(view, project, hasSigning)}
      ${secretsCard(view, project, await listSecrets(db, project.id))}
    </div>`
    return await frame(c, page, 'Integrations', content)
  }

  async function frame(
    c: Context,
    { view, project }: EditPage,
    title: string,
    content: Html,
  ): Promise<Response> {
    c.header('Cache-Control', 'no-store')
    return await c.html(projectFrame(view, project, { tab: 'integrations', title, content }))
  }
  return app
}

/** Returns the offset given in the URL; 0 if it is missing or invalid. */
function offsetOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : 0
}
