import type { Configuration } from '@copr/contract/configuration'
import { enableChannel } from '@copr/domain/outbox/queues'
import { every } from '@copr/process/every'
import type { Backend } from '../context.ts'
import { amqpPublisher } from './amqp-publisher.ts'
import { busChannel } from './bus-channel.ts'
import { mailChannel } from './mail-channel.ts'
import { type Channel, serveQueues } from './serve-queue.ts'
import { webhookChannel, type WebhookSender } from './webhook-channel.ts'

/** Number of webhooks that one backend serves at the same time, so that a slow receiver does not delay the others. */
const WEBHOOK_SENDERS = 4
const INTERVAL_SECONDS = 1
/**
 * Applies only to retries, because a notification announces each new event. It is longer than INTERVAL_SECONDS because every installation
 * polls for webhooks.
 */
const WEBHOOK_INTERVAL_SECONDS = 5

export interface EventSender extends Pick<Backend, 'notices'>, WebhookSender {
  config: WebhookSender['config'] & Pick<Configuration, 'amqp' | 'mail' | 'site_name'>
}

/**
 * Delivers events from the outbox to the message bus, by mail and to webhooks until `stop` aborts. It runs in every backend; each queue is
 * leased by one backend at a time. Builds do not wait for deliveries.
 */
export async function deliverEvents(sender: EventSender, stop: AbortSignal): Promise<void> {
  const { config, notices, log, db } = sender
  const serve = async (channel: Channel, seconds = INTERVAL_SECONDS): Promise<void> => {
    const bell = notices.bell('copr_outbox')
    await every(seconds, () => serveQueues(sender, channel, stop), { stop, log, bell })
  }
  const known = new AbortController()
  // Retried until the database responds. Events for a channel are stored as soon as it is enabled.
  const enable = async (): Promise<void> => {
    await enableChannel(db, 'amqp', config.amqp !== undefined)
    await enableChannel(db, 'mail', config.mail !== undefined)
    known.abort()
  }
  await every(INTERVAL_SECONDS, enable, { stop: AbortSignal.any([stop, known.signal]), log })
  await using publisher = config.amqp ? amqpPublisher(config.amqp, log) : undefined
  await Promise.all([
    ...(publisher ? [serve(busChannel(sender, publisher))] : []),
    ...(config.mail ? [serve(mailChannel(sender, config.mail))] : []),
    ...Array.from({ length: WEBHOOK_SENDERS }, () =>
      serve(webhookChannel(sender, stop), WEBHOOK_INTERVAL_SECONDS),
    ),
  ])
}
