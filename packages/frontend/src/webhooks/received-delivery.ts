import type { WebhookSource } from '@copr/contract/api/webhooks'
import type { Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import { z } from 'zod'
import { requireFewFields } from '../http/body-limits.ts'
import { jsonOf } from '../http/read-form.ts'
import { urlEncodedFields } from '../http/url-encoded.ts'
import type { Header, Parsed } from './forges/forge-event.ts'
import { type Forge, FORGES } from './forges/forges.ts'

/** A delivery whose URL contained the project's webhook secret. */
export interface ReceivedDelivery {
  project: Project
  source: WebhookSource
  /** The name of the package in the URL. */
  package_name: string | undefined
  /** The directory in the URL of a custom webhook. */
  dirname: string | undefined
  header: Header
  body: Buffer
  remote_address: string | undefined
}

/** Headers that are stored with a delivery, because they identify or explain it; none contains a secret. */
const KEPT_HEADERS = [
  'content-type',
  'user-agent',
  'x-github-event',
  'x-github-delivery',
  'x-github-hook-id',
  'x-gitlab-event',
  'x-gitlab-event-uuid',
  'x-gitlab-webhook-uuid',
  'x-gitlab-instance',
  'idempotency-key',
  'webhook-id',
  'webhook-timestamp',
  'x-event-key',
  'x-hook-uuid',
  'x-request-uuid',
  'x-attempt-number',
  'x-forgejo-event',
  'x-forgejo-delivery',
  'x-gitea-event',
  'x-gitea-delivery',
]
const MAX_HEADER = 500

export function keptHeaders(header: Header): Record<string, string> {
  return Object.fromEntries(
    KEPT_HEADERS.flatMap((name) => {
      const value = header(name)
      return value === undefined ? [] : [[name, value.slice(0, MAX_HEADER)] as const]
    }),
  )
}

/** Parses the events in a delivery; throws CoprError `invalid` if the body is not in the forge's format. */
export function eventsOf(
  forge: Forge,
  delivery: Pick<ReceivedDelivery, 'header' | 'body'>,
): Parsed {
  const { parse, eventOf } = FORGES[forge]
  const payload = payloadOf(delivery)
  try {
    return parse(payload, eventOf(delivery.header))
  } catch (cause) {
    if (!(cause instanceof z.ZodError)) throw cause
    throw new CoprError('invalid', `Cannot accept the webhook: ${z.prettifyError(cause)}`, {
      cause,
    })
  }
}

/** Returns the JSON of a delivery. It is the body itself or, if GitHub or Gitea sent a form, the field `payload` of that form. */
function payloadOf({ header, body }: Pick<ReceivedDelivery, 'header' | 'body'>): unknown {
  if (!isForm(header)) return jsonOf(body.toString('utf8'))
  requireFewFields(body, '&', 1)
  const payload = urlEncodedFields(body).find(([name]) => name === 'payload')?.[1]
  if (payload === undefined)
    throw new CoprError('invalid', 'Cannot accept the webhook: the form has no field payload')
  return jsonOf(payload)
}

function isForm(header: Header): boolean {
  return header('content-type')?.startsWith('application/x-www-form-urlencoded') ?? false
}

/** Returns the body and headers to store, without the webhook's secret, which older versions of Gitea put into the body. */
export function keptBody({ header, body }: Pick<ReceivedDelivery, 'header' | 'body'>): {
  body: Buffer
  headers: Record<string, string>
} {
  const headers = keptHeaders(header)
  if (!body.includes('"secret"') && !body.includes('%22secret%22')) return { body, headers }
  let payload: unknown
  try {
    payload = payloadOf({ header, body })
  } catch (error) {
    if (error instanceof CoprError) return { body, headers }
    throw error
  }
  if (typeof payload !== 'object' || payload === null || !('secret' in payload))
    return { body, headers }
  const { secret: _, ...rest } = payload
  return {
    body: Buffer.from(JSON.stringify(rest)),
    headers: { ...headers, 'content-type': 'application/json' },
  }
}
