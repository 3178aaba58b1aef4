import { queueHealth } from '@copr/domain/outbox/queues'
import { Command } from 'commander'
import { administer, type Io } from './administer.ts'

/** `coprctl events` shows the events that wait for delivery. */
export function eventsCommand(io: Io): Command {
  const events = new Command('events')
    .summary('list the destinations of events, and what waits for them')
    .description('The message bus, mail and webhooks, with the events that wait for each.')
  administer(events, io, async ({ db }) => ({
    value: (await queueHealth(db)).map(({ webhook, oldest_seconds, is_enabled, ...queue }) => ({
      destination: webhook ?? queue.channel,
      enabled: is_enabled,
      waiting: queue.waiting,
      oldest_seconds: Math.round(oldest_seconds),
      failures: queue.failures,
      retry_at: queue.retry_at,
      last_error: queue.last_error,
    })),
  }))
  return events
}
