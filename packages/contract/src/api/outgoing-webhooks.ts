import { z } from 'zod'
import { isPlainHttpUrl } from '../plain-http-url.ts'
import { BUILD_EVENT_NAMES, type BuildEvent } from '../events.ts'
import { Flag, Line, Words } from './form-fields.ts'

const Url = Line.pipe(z.string().max(2000, 'must have at most 2000 characters')).refine(
  isReceiver,
  'must be an http or https URL without a user name, a password and a fragment',
)

const Events = Words.transform((words, ctx): BuildEvent[] => {
  const unknown = words.find((word) => !isEvent(word))
  if (unknown !== undefined || words.length === 0) {
    const message = `must name at least one of ${BUILD_EVENT_NAMES.join(', ')}`
    ctx.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  return [...new Set(words.filter(isEvent))]
})

export const NewOutgoingWebhook = z.object({
  url: Url,
  /** Default: `build.finished` only. */
  events: Events.optional(),
})

export const EditOutgoingWebhook = z.object({
  url: Url.optional(),
  events: Events.optional(),
  enabled: Flag.optional(),
})

const integer = z.number().int()

/** Times are in Unix seconds. */
export const OutgoingWebhook = z.strictObject({
  id: integer,
  url: z.string(),
  events: z.array(z.enum(BUILD_EVENT_NAMES)),
  enabled: z.boolean(),
  /** Why it is disabled; null if it is enabled. */
  disabled_reason: z.string().nullable(),
  created_on: integer,
  /** Number of events that await delivery. */
  waiting: integer,
  /** When the receiver began to refuse everything; null if it works. */
  failing_since: integer.nullable(),
  last_error: z.string().nullable(),
})
export type OutgoingWebhook = z.infer<typeof OutgoingWebhook>

export const OutgoingWebhooksAnswer = z.strictObject({ webhooks: z.array(OutgoingWebhook) })

/** The response with the secret, by which receivers verify signatures; no other response contains it. */
export const OutgoingWebhookWithSecret = OutgoingWebhook.extend({ secret: z.string() })

export const WebhookDelivery = z.strictObject({
  id: integer,
  /** The `webhook-id` header sent to the receiver, the same for each attempt. */
  message_id: z.string(),
  event: z.string(),
  state: z.enum(['waiting', 'delivered', 'failed']),
  attempts: integer,
  created_on: integer,
  ended_on: integer.nullable(),
  /** HTTP status of the last response; null if there was none. */
  status: integer.nullable(),
  /** The beginning of the last response, or the error if there was no response. */
  answer: z.string().nullable(),
  data: z.record(z.string(), z.unknown()),
})
export type WebhookDelivery = z.infer<typeof WebhookDelivery>

export const DeliveriesQuery = z.object({
  limit: z.string().optional(),
  before_id: z.string().optional(),
})

export const WebhookDeliveriesAnswer = z.strictObject({ deliveries: z.array(WebhookDelivery) })

export const DeliveryQueued = z.strictObject({ delivery_id: integer })

function isEvent(word: string): word is BuildEvent {
  return (BUILD_EVENT_NAMES as string[]).includes(word)
}

function isReceiver(text: string): boolean {
  return isPlainHttpUrl(text, /[#\s]/)
}
