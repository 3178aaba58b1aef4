import { BuildEventData, TEST_EVENT } from '@copr/contract/events'
import type { Delivery } from '@copr/domain/outbox/queues'
import { createHmac } from 'node:crypto'

const SECRET_PREFIX = 'whsec_'

/** Returns the JSON body for a webhook, in the format of Standard Webhooks: type, timestamp and data. */
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
 * Returns the headers of Standard Webhooks. The id is the same for each attempt; the signature covers the id, the time of this attempt, and
 * the body. While a secret is being replaced, there is one signature for each valid secret.
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
