import {
  DeliveriesQuery,
  DeliveryQueued,
  EditOutgoingWebhook,
  NewOutgoingWebhook,
  OutgoingWebhook,
  OutgoingWebhooksAnswer,
  OutgoingWebhookWithSecret,
  WebhookDeliveriesAnswer,
  type WebhookDelivery,
} from '@copr/contract/api/outgoing-webhooks'
import type { Delivery } from '@copr/domain/outbox/queues'
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
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'
import { type Api, answer, pathPart } from '../http/answer.ts'
import { inProject } from '../http/in-project.ts'
import { parseForm, readForm } from '../http/read-form.ts'
import { newWebhookSecret } from './new-secret.ts'

const PATH = '/outgoing-webhook'
const PROJECT = ':ownername/:projectname'
const WEBHOOK = `${PROJECT}/:webhook_id{[0-9]+}`
const DEFAULT_DELIVERIES = 50
const MAX_DELIVERIES = 100

/** Adds the routes for outgoing webhooks, to which a project sends its events. */
export function outgoingWebhookRoutes(api: Api): void {
  const { frontend } = api
  const { db, now } = frontend

  answer(api, `${PATH}/list/${PROJECT}`, {
    GET: inProject(
      {
        summary: 'The webhooks to which the project sends its events',
        access: 'edit',
        scope: 'read',
        answer: OutgoingWebhooksAnswer,
      },
      async (c, { project }) =>
        c.json({ webhooks: (await listWebhooks(db, project.id)).map(presentWebhook) }),
    ),
  })

  answer(api, `${PATH}/add/${PROJECT}`, {
    POST: inProject(
      {
        summary: 'Add a webhook; only this response has the secret that verifies its signatures',
        access: 'edit',
        scope: 'edit',
        body: NewOutgoingWebhook,
        answer: OutgoingWebhookWithSecret,
      },
      async (c, { user, project }) => {
        const { url, events = ['build.finished'] } = parseForm(
          NewOutgoingWebhook,
          await readForm(c),
        )
        const { secret, sealed_secret } = await newWebhookSecret(frontend, project)
        const webhook = { url, events, sealed_secret }
        const id = await addWebhook(db, user, { project, webhook, now: now() })
        return c.json({ ...presentWebhook(await requireWebhook(db, project, id)), secret })
      },
    ),
  })

  answer(api, `${PATH}/edit/${WEBHOOK}`, {
    PUT: inProject(
      {
        summary: 'Change the URL or the events of a webhook, or disable or enable it',
        access: 'edit',
        scope: 'edit',
        body: EditOutgoingWebhook,
        answer: OutgoingWebhook,
      },
      async (c, { user, project }) => {
        const { enabled: is_enabled, ...rest } = parseForm(EditOutgoingWebhook, await readForm(c))
        const id = webhookId(c)
        await editWebhook(db, user, { project, id, change: { ...rest, is_enabled }, now: now() })
        return c.json(presentWebhook(await requireWebhook(db, project, id)))
      },
    ),
  })

  answer(api, `${PATH}/new-secret/${WEBHOOK}`, {
    POST: inProject(
      {
        summary: 'Replace the secret of a webhook; the previous one signs, too, for a day',
        access: 'edit',
        scope: 'edit',
        answer: OutgoingWebhookWithSecret,
      },
      async (c, { user, project }) => {
        const id = webhookId(c)
        await requireWebhook(db, project, id)
        const { secret, sealed_secret } = await newWebhookSecret(frontend, project)
        await replaceWebhookSecret(db, user, { project, id, sealed_secret, now: now() })
        return c.json({ ...presentWebhook(await requireWebhook(db, project, id)), secret })
      },
    ),
  })

  answer(api, `${PATH}/delete/${WEBHOOK}`, {
    DELETE: inProject(
      {
        summary: 'Delete a webhook and its log',
        access: 'edit',
        scope: 'edit',
        answer: OutgoingWebhook,
      },
      async (c, { user, project }) => {
        const webhook = await requireWebhook(db, project, webhookId(c))
        await deleteWebhook(db, user, { project, id: webhook.id, now: now() })
        return c.json(presentWebhook(webhook))
      },
    ),
  })

  answer(api, `${PATH}/test/${WEBHOOK}`, {
    POST: inProject(
      {
        summary: 'Send a delivery without an event, to see whether the receiver works',
        access: 'edit',
        scope: 'edit',
        answer: DeliveryQueued,
      },
      async (c, { project }) => {
        const delivery_id = await testWebhook(db, { project, id: webhookId(c), now: now() })
        return c.json({ delivery_id })
      },
    ),
  })

  answer(api, `${PATH}/deliveries/${WEBHOOK}`, {
    GET: inProject(
      {
        summary: 'The deliveries of the last 30 days to a webhook, newest first',
        access: 'edit',
        scope: 'read',
        query: DeliveriesQuery,
        answer: WebhookDeliveriesAnswer,
      },
      async (c, { project }) => {
        const { id } = await requireWebhook(db, project, webhookId(c))
        const page = { limit: limitOf(c), before_id: numberIn(c, 'before_id') }
        const deliveries = await listDeliveries(db, id, page)
        return c.json({ deliveries: deliveries.map(presentDelivery) })
      },
    ),
  })

  answer(api, `${PATH}/resend/${PROJECT}/:delivery_id{[0-9]+}`, {
    POST: inProject(
      {
        summary: 'Send a delivery again, with the same webhook-id',
        access: 'edit',
        scope: 'edit',
        answer: DeliveryQueued,
      },
      async (c, { project }) => {
        const delivery_id = Number(pathPart(c, 'delivery_id'))
        const resent = await resendDelivery(db, { project, delivery_id, now: now() })
        return c.json({ delivery_id: resent })
      },
    ),
  })
}

const webhookId = (c: Context): number => Number(pathPart(c, 'webhook_id'))

function limitOf(c: Context): number {
  const limit = numberIn(c, 'limit') ?? DEFAULT_DELIVERIES
  if (limit >= 1 && limit <= MAX_DELIVERIES) return limit
  throw new CoprError('invalid', `limit: must be 1 to ${MAX_DELIVERIES}`)
}

function numberIn(c: Context, name: string): number | undefined {
  const text = c.req.query(name) || undefined
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw new CoprError('invalid', `${name}: must be a whole number`)
  return Number(text)
}

const seconds = (time: Date): number => Math.floor(time.getTime() / 1000)

function presentWebhook(webhook: WebhookStatus): OutgoingWebhook {
  const { id, url, events, disabled_at, disabled_reason, created_at, waiting } = webhook
  return {
    id,
    url,
    events,
    enabled: disabled_at === null,
    disabled_reason,
    created_on: seconds(created_at),
    waiting,
    failing_since: webhook.failing_since && seconds(webhook.failing_since),
    last_error: webhook.last_error,
  }
}

function presentDelivery(delivery: Delivery): WebhookDelivery {
  const { id, message_id, event, outcome, attempts, status, answer: text, data } = delivery
  return {
    id,
    message_id,
    event,
    state: outcome ?? 'waiting',
    attempts,
    created_on: seconds(delivery.created_at),
    ended_on: delivery.ended_at && seconds(delivery.ended_at),
    status,
    answer: text,
    data,
  }
}
