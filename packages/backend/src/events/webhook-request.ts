import { BuildEventData, TEST_EVENT } from '@copr/contract/events'
import type { Delivery } from '@copr/domain/outbox/queues'
import { createHmac } from 'node:crypto'

const SECRET_PREFIX = 'whsec_'

/** The JSON that a webhook receives, in the form of Standard Webhooks: type, timestamp and data. */
export function webhookBody(
  { event, data, created_at }: Pick<Delivery, 'event' | 'data' | 'created_at'>,
  public_url: string,
): string {
  const timestamp = created_at.toISOString()
  if (event === TEST_EVENT) return JSON.stringify({ type: event, timestamp, data })
  const build = BuildEventData.parse(data)
  const url = `${public_url}/coprs/build/${build.build_id}`
  return JSON.stringify({ type: event, timestamp, data: { ...build, url } })
}

/**
 * Returns the headers of Standard Webhooks: the id is the same for each attempt; the signature covers id, time of this attempt, and body.
 * Several secrets are valid while one of them is being replaced.
 */
export function webhookHeaders({
  message_id,
  body,
  secrets,
  now,
}: {
  message_id: string
  body: string
  secrets: readonly string[]
  now: Date
}): Record<string, string> {
  const timestamp = String(Math.floor(now.getTime() / 1000))
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64')
    const signature = createHmac('sha256', key)
      .update(`${message_id}.${timestamp}.${body}`)
      .digest('base64')
    return `v1,${signature}`
  })
  return {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'webhook-id': message_id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  }
}
