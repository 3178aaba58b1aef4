import { EditOutgoingWebhook, NewOutgoingWebhook } from '@copr/contract/api/outgoing-webhooks'
import { BUILD_EVENT_NAMES, BUILD_EVENTS, type BuildEvent } from '@copr/contract/events'
import type { Delivery } from '@copr/domain/outbox/queues'
import type { Project } from '@copr/domain/projects/project-queries'
import {
  addWebhook,
  deleteWebhook,
  editWebhook,
  listWebhooks,
  replaceWebhookSecret,
  requireWebhook,
  testWebhook,
  type WebhookStatus,
} from '@copr/domain/outgoing-webhooks/project-webhooks'
import { listDeliveries, resendDelivery } from '@copr/domain/outgoing-webhooks/webhook-deliveries'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { parseForm } from '../http/read-form.ts'
import {
  checkBoxes,
  csrfField,
  flagField,
  lastOf,
  listOf,
  postButton,
  submitButton,
  textField,
} from '../pages/forms.ts'
import { alert, card, code, empty, facts, table, time } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import type { Html, View } from '../pages/view.ts'
import { projectPagesOf } from '../projects/on-project.ts'
import { projectFrame } from '../projects/project-frame.ts'
import { newWebhookSecret } from './new-secret.ts'

const WEBHOOK = '/outgoing_webhooks/:webhook{[0-9]+}'
const DELIVERIES = 50

/** Serves the pages for managing a project's outgoing webhooks and for their delivery logs. */
export function outgoingWebhookPages(frontend: Frontend): Hono {
  const { db, now } = frontend
  const app = new Hono({ strict: false })
  const { get, post } = projectPagesOf(app, frontend)
  const idOf = (c: Context): number => Number(pathPart(c, 'webhook'))

  async function show(
    c: Context,
    { view, project }: { view: View; project: Project },
    content: Html,
    id?: number,
  ): Promise<Response> {
    c.header('Cache-Control', 'no-store')
    const list: [string, string?] =
      id === undefined
        ? ['Outgoing webhooks']
        : ['Outgoing webhooks', paths.outgoingWebhooks(project)]
    const trail = [list, ...(id === undefined ? [] : [[`Webhook ${id}`] as [string]])]
    const frame = { tab: 'settings' as const, title: 'Outgoing webhooks', content, trail }
    return await c.html(projectFrame(view, project, frame))
  }

  get('/outgoing_webhooks', 'edit', async (c, page) => {
    const webhooks = await listWebhooks(db, page.project.id)
    return await show(c, page, listPage(page.view, page.project, webhooks))
  })

  post('/outgoing_webhooks/add', 'edit', async (c, page) => {
    const { view, project, form } = page
    const sent = { ...form, events: listOf(form['events']) }
    const { url, events = [] } = parseForm(NewOutgoingWebhook, sent)
    const { secret, sealed_secret } = await newWebhookSecret(frontend, project)
    const webhook = { url, events, sealed_secret }
    const id = await addWebhook(db, view.user, { project, webhook, now: now() })
    return await show(c, page, secretPage(project, { id, secret }), id)
  })

  get(WEBHOOK, 'edit', async (c, page) => {
    const { view, project } = page
    const webhook = await requireWebhook(db, project, idOf(c))
    const deliveries = await listDeliveries(db, webhook.id, { limit: DELIVERIES })
    return await show(c, page, webhookPage(view, project, { webhook, deliveries }), webhook.id)
  })

  post(`${WEBHOOK}/edit`, 'edit', async (c, { view, project, form }) => {
    const enabled = lastOf(form['enabled'])
    const sent = { ...form, enabled, events: listOf(form['events']) }
    const { enabled: is_enabled, ...rest } = parseForm(EditOutgoingWebhook, sent)
    const id = idOf(c)
    const change = { ...rest, is_enabled }
    await editWebhook(db, view.user, { project, id, change, now: now() })
    return c.redirect(paths.outgoingWebhook(project, id), 303)
  })

  post(`${WEBHOOK}/new_secret`, 'edit', async (c, page) => {
    const { view, project } = page
    const { id } = await requireWebhook(db, project, idOf(c))
    const { secret, sealed_secret } = await newWebhookSecret(frontend, project)
    await replaceWebhookSecret(db, view.user, { project, id, sealed_secret, now: now() })
    return await show(c, page, secretPage(project, { id, secret }), id)
  })

  post(`${WEBHOOK}/test`, 'edit', async (c, { project }) => {
    const id = idOf(c)
    await testWebhook(db, { project, id, now: now() })
    return c.redirect(paths.outgoingWebhook(project, id), 303)
  })

  post(`${WEBHOOK}/resend/:delivery{[0-9]+}`, 'edit', async (c, { project }) => {
    const delivery_id = Number(pathPart(c, 'delivery'))
    await resendDelivery(db, { project, delivery_id, now: now() })
    return c.redirect(paths.outgoingWebhook(project, idOf(c)), 303)
  })

  post(`${WEBHOOK}/delete`, 'edit', async (c, { view, project }) => {
    await deleteWebhook(db, view.user, { project, id: idOf(c), now: now() })
    return c.redirect(paths.outgoingWebhooks(project), 303)
  })
  return app
}

function listPage(view: View, project: Project, webhooks: WebhookStatus[]): Html {
  const rows = webhooks.map((webhook): Html[] => [
    html`<a href="${paths.outgoingWebhook(project, webhook.id)}">${webhook.url}</a>`,
    html`${webhook.events.join(', ')}`,
    html`${stateOf(webhook)}`,
  ])
  return html`<div class="columns">
    ${card(
      'Outgoing webhooks',
      webhooks.length === 0
        ? empty('No webhooks', html`Add one, and your server gets a request when a build ends.`)
        : table('Outgoing webhooks', ['URL', 'Events', 'State'], rows),
    )}
    ${card('Add a webhook', webhookForm(view, paths.addOutgoingWebhook(project), { url: '', events: ['build.finished'] }, 'Add'))}
  </div>`
}

function stateOf({ disabled_at, failing_since, waiting }: WebhookStatus): string {
  if (disabled_at) return 'disabled'
  const queued = waiting === 0 ? '' : `, ${waiting} waiting`
  return `${failing_since ? 'failing' : 'works'}${queued}`
}

function webhookForm(
  view: View,
  action: string,
  { url, events, enabled }: { url: string; events: readonly BuildEvent[]; enabled?: boolean },
  text: string,
): Html {
  const choices = BUILD_EVENT_NAMES.map((name) => ({
    value: name,
    label: `${name}: ${BUILD_EVENTS[name]}`,
    isChecked: events.includes(name),
  }))
  return html`<form class="pf-v6-c-form" method="post" action="${action}">
    ${csrfField(view)}
    ${textField(
      {
        name: 'url',
        label: 'URL',
        type: 'url',
        required: true,
        placeholder: 'https://hooks.example.org/copr',
        help: 'Receives POST requests in the format of Standard Webhooks. It must be public; redirects are not followed.',
      },
      { url },
    )}
    ${checkBoxes({ name: 'events', label: 'Events' }, choices)}
    ${enabled === undefined ? '' : enabledField(enabled)} ${submitButton(text)}
  </form>`
}

function enabledField(enabled: boolean): Html {
  return flagField(
    {
      name: 'enabled',
      label: 'State',
      text: 'Enabled',
      help: 'If you disable a webhook, the events that wait for it are not sent.',
    },
    { enabled: String(enabled) },
  )
}

function secretPage(project: Project, { id, secret }: { id: number; secret: string }): Html {
  return card(
    'Secret of the webhook',
    html`<p>
        The receiver needs this secret to verify the header <code>webhook-signature</code>. It is
        shown only now: the site stores it encrypted.
      </p>
      ${code('secret', secret)}
      <p class="help">
        <a href="${paths.outgoingWebhook(project, id)}">Continue to the webhook</a>, from which you
        can send a test.
      </p>`,
  )
}

function webhookPage(
  view: View,
  project: Project,
  { webhook, deliveries }: { webhook: WebhookStatus; deliveries: Delivery[] },
): Html {
  const { id, url, events, disabled_at, disabled_reason, failing_since, last_error } = webhook
  const button = (text: string, action: string, confirm?: string): Html =>
    postButton(view, { action, text, ...(confirm === undefined ? {} : { confirm }) })
  const isEnabled = disabled_at === null
  return html`<div class="stack">
    ${isEnabled ? '' : alert('warning', 'This webhook is disabled', html`${disabled_reason}`)}
    ${
      isEnabled && failing_since
        ? alert(
            'warning',
            'The receiver has not accepted the last deliveries',
            html`Since ${time(failing_since)}: ${last_error}. After 5 days, the webhook is disabled.`,
          )
        : ''
    }
    <div class="columns">
      ${card('Settings', webhookForm(view, paths.outgoingWebhookAction(project, id, 'edit'), { url, events, enabled: isEnabled }, 'Save'))}
      ${card(
        'State',
        html`${facts([
          ['State', stateOf(webhook)],
          ['Added', time(webhook.created_at)],
        ])}
        ${isEnabled ? button('Send a test', paths.outgoingWebhookAction(project, id, 'test')) : ''}
        ${button('Replace secret', paths.outgoingWebhookAction(project, id, 'new_secret'), 'The previous secret will stop working after a day. Create a new one?')}
        ${button('Delete', paths.outgoingWebhookAction(project, id, 'delete'), 'The webhook and its log will be deleted. Delete it?')}`,
      )}
    </div>
    ${card('Deliveries', deliveriesTable(view, project, { webhook, deliveries }))}
  </div>`
}

function deliveriesTable(
  view: View,
  project: Project,
  { webhook, deliveries }: { webhook: WebhookStatus; deliveries: Delivery[] },
): Html {
  if (deliveries.length === 0)
    return empty('No deliveries', html`Send a test, or wait for a build.`)
  const rows = deliveries.map((delivery): Html[] => [
    time(delivery.created_at),
    html`${delivery.event} ${subjectOf(delivery)}`,
    html`${delivery.outcome ?? 'waiting'}, ${delivery.attempts}
    ${delivery.attempts === 1 ? 'attempt' : 'attempts'}`,
    html`${delivery.answer ?? ''}`,
    delivery.outcome === null || webhook.disabled_at
      ? html``
      : postButton(view, {
          action: paths.resendDelivery(project, webhook.id, delivery.id),
          text: 'Resend',
        }),
  ])
  return html`${table('Deliveries', ['Time', 'Event', 'State', 'Response', ''], rows)}
    <p class="help">The newest ${DELIVERIES} of the last 30 days; the API lists all.</p>`
}

function subjectOf({ data }: Delivery): string {
  const { build_id, chroot } = data
  const build = typeof build_id === 'number' ? `of build ${build_id}` : ''
  return [build, chroot].filter((each) => typeof each === 'string' && each !== '').join(', ')
}
