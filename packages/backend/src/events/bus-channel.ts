import { type Delivery, dropDelivered } from '@copr/domain/outbox/queues'
import type { Backend } from '../context.ts'
import type { AmqpPublisher } from './amqp-publisher.ts'
import { busMessages } from './bus-messages.ts'
import { type Channel, DestinationError } from './serve-queue.ts'

/** Maximum number of deliveries in flight to the broker, at most one per build. */
const BATCH = 200

/** Publishes events to the message bus. An event is deleted when the broker has confirmed all its messages. */
export function busChannel({ db }: Pick<Backend, 'db'>, publisher: AmqpPublisher): Channel {
  async function publish(delivery: Delivery): Promise<void> {
    for (const message of busMessages(delivery)) await publisher.publish(message)
  }
  return {
    channel: 'amqp',
    batch: BATCH,
    backoff: { first_seconds: 1, max_seconds: 15 },
    async send(_queue, deliveries) {
      const outcomes = await Promise.allSettled(deliveries.map(publish))
      const arrived = deliveries.filter((_, index) => outcomes[index]?.status === 'fulfilled')
      await dropDelivered(
        db,
        arrived.map(({ id }) => id),
      )
      const failed = outcomes.find((outcome) => outcome.status === 'rejected')
      if (failed)
        throw new DestinationError('Cannot publish to the message bus', { cause: failed.reason })
      return undefined
    },
  }
}
