import { allowsPrivateUrls, type Configuration } from '@copr/contract/configuration'
import { SYSTEM } from '@copr/domain/audit/actor'
import type { Delivery, OutboxQueue } from '@copr/domain/outbox/queues'
import { disableWebhook, webhookContext } from '@copr/domain/outgoing-webhooks/project-webhooks'
import {
  recordAttempt,
  type WebhookTarget,
  webhookTarget,
} from '@copr/domain/outgoing-webhooks/webhook-deliveries'
import { messageOf } from '@copr/process/errors'
import { addressRules } from '@copr/process/guarded/address-rules'
import { guardedPost } from '@copr/process/guarded/guarded-fetch'
import type { KeygenClient } from '@copr/keygen-client/keygen-client'
import type { Backend } from '../context.ts'
import { type Channel, DestinationError, type Refusal } from './serve-queue.ts'
import { webhookBody, webhookHeaders } from './webhook-request.ts'

/** Maximum number of events in flight to one receiver, at most one per build. */
const BATCH = 8
const ANSWER_SECONDS = 15
/** Maximum bytes of a response that are read for the delivery log. */
const MAX_ANSWER_BYTES = 4096
const DAY_MS = 86_400_000
/** An event that its receiver refuses for this long is dropped. */
const GIVE_UP_MS = 3 * DAY_MS
/** A receiver that accepts nothing for this long is disabled. */
const DISABLE_MS = 5 * DAY_MS
/**
 * Delay before the first retry of an event that was refused by a receiver that otherwise works; it doubles with each further refusal, up to
 * MAX_WAIT_MS.
 */
const FIRST_WAIT_MS = 10_000
const MAX_WAIT_MS = 3_600_000

export interface WebhookSender extends Pick<Backend, 'db' | 'now' | 'log'> {
  config: Pick<Configuration, 'public_url' | 'listen' | 'allow_private_urls'>
  keygen: Pick<KeygenClient, 'open'>
}

/** A receiver's answer to a delivery; `status` is null if it did not respond. */
interface Answer {
  status: number | null
  text: string
}

/** Sends events to the webhooks of projects, each signed with the webhook's own secret. */
export function webhookChannel(sender: WebhookSender, stop: AbortSignal): Channel {
  const { db, now, config } = sender
  const rules = addressRules(allowsPrivateUrls(config))

  async function post(
    webhook: WebhookTarget,
    secrets: string[],
    delivery: Delivery,
  ): Promise<Answer> {
    const body = webhookBody(delivery, config.public_url)
    const { message_id } = delivery
    const signal = AbortSignal.any([stop, AbortSignal.timeout(ANSWER_SECONDS * 1000)])
    try {
      const response = await guardedPost(webhook.url, {
        rules,
        signal,
        connect_seconds: ANSWER_SECONDS,
        headers: webhookHeaders({ message_id, body, secrets, now: now() }),
        body,
      })
      return { status: response.status, text: await beginning(response) }
    } catch (error) {
      if (stop.aborted) throw error
      return { status: null, text: messageOf(error) }
    }
  }

  /** Sends one delivery and records the outcome; returns the receiver's answer. */
  async function deliver(
    webhook: WebhookTarget,
    secrets: string[],
    delivery: Delivery,
  ): Promise<Answer> {
    const answer = await post(webhook, secrets, delivery)
    const { id, created_at, attempts } = delivery
    const outcome = isAccepted(answer)
      ? 'delivered'
      : now().getTime() - created_at.getTime() > GIVE_UP_MS
        ? 'failed'
        : 'retry'
    const wait_ms = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempts, 20))
    const not_before =
      outcome === 'retry' && !isReceiverDown(answer)
        ? new Date(now().getTime() + wait_ms)
        : undefined
    const text = explained(answer)
    await recordAttempt(db, id, { outcome, status: answer.status, answer: text, not_before }, now())
    return answer
  }

  async function send(queue: OutboxQueue, deliveries: Delivery[]): Promise<Refusal | undefined> {
    const webhook = await webhookTarget(db, queue.webhook_id ?? 0)
    // The webhook was deleted after the queue was claimed, and its deliveries with it.
    if (!webhook) return undefined
    const secrets = await secretsOf(sender, webhook)
    const answers = await Promise.all(
      deliveries.map((delivery) => deliver(webhook, secrets, delivery)),
    )
    if (answers.some(isAccepted)) return undefined
    const refused = answers.find(({ status }) => status === 410) ?? answers[0]
    if (!refused) return undefined
    const reason = reasonToDisable(queue, refused, now())
    if (reason !== undefined) {
      const project = { ...webhook, id: webhook.project_id }
      await disableWebhook(db, SYSTEM, { project, webhook, reason, now: now() })
    }
    if (answers.some(isReceiverDown)) throw new DestinationError(explained(refused))
    return { refused: explained(refused) }
  }

  return {
    channel: 'webhook',
    batch: BATCH,
    backoff: { first_seconds: 5, max_seconds: 3600 },
    send,
  }
}

/** Decrypts the secrets to sign with now: the current one and, for a day after a replacement, the previous one. */
async function secretsOf(
  { keygen, now }: WebhookSender,
  webhook: WebhookTarget,
): Promise<string[]> {
  const { sealed_secret, previous_secret, previous_until, project_id } = webhook
  const isOld = previous_until === null || previous_until < now()
  const all = [sealed_secret, ...(previous_secret && !isOld ? [previous_secret] : [])]
  const at = { purpose: 'outgoing', context: webhookContext({ id: project_id }) } as const
  return await Promise.all(all.map((sealed) => keygen.open({ ...at, sealed })))
}

const isAccepted = ({ status }: Answer): boolean => status !== null && status >= 200 && status < 300

/** Whether the receiver itself is failing; other error statuses refuse only this event. */
function isReceiverDown({ status }: Answer): boolean {
  return status === null || status >= 500 || status === 429 || status === 408
}

function reasonToDisable(
  { failing_since }: OutboxQueue,
  answer: Answer,
  now: Date,
): string | undefined {
  if (answer.status === 410) return 'The receiver answered 410 Gone: it wants no more events'
  if (failing_since === null || now.getTime() - failing_since.getTime() < DISABLE_MS)
    return undefined
  const days = Math.floor((now.getTime() - failing_since.getTime()) / DAY_MS)
  return `Nothing was accepted for ${days} days. The last attempt: ${explained(answer)}`.slice(
    0,
    500,
  )
}

function explained({ status, text }: Answer): string {
  if (status === null) return text
  const hint =
    status >= 300 && status < 400 ? ' (redirects are not followed: enter the final URL)' : ''
  return `${status}${hint}${text === '' ? '' : `: ${text}`}`
}

/** Reads the beginning of a response, then closes the connection. */
async function beginning(response: Response): Promise<string> {
  if (!response.body) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of response.body) {
      chunks.push(chunk)
      size += chunk.length
      if (size >= MAX_ANSWER_BYTES) break
    }
  } catch {
    // The status alone decides the outcome; if the body breaks off, the bytes that arrived are shown.
  }
  const text = Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES).toString('utf8')
  // PostgreSQL's type `text` cannot hold this character.
  return text.replaceAll('\0', '').trim()
}
