import { Bell } from '@copr/process/every'
import type { Logger } from '@copr/process/log'
import { sql } from 'kysely'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Db } from './open.ts'

/** The NOTIFY channels, one for each kind of change. A notification is only a hint; listeners must query the tables. */
const CHANNELS = [
  'copr_queue',
  'copr_machine',
  'copr_publish',
  'copr_repository',
  'copr_build',
  'copr_removal',
  'copr_action',
  'copr_outbox',
  'copr_chain',
] as const
export type Channel = (typeof CHANNELS)[number]

/** Sends a notification when the transaction commits. The payload is an ID or empty. */
export async function notify(db: Db, channel: Channel, payload = ''): Promise<void> {
  await sql`select pg_notify(${channel}, ${payload})`.execute(db)
}

type Listener = (payload: string) => void

/** Listens on all channels over one connection, and reconnects if the connection is lost. */
export class Notices {
  readonly #listeners = new Map<Channel, Set<Listener>>()

  /**
   * Calls `listener` for each notification, and once after each reconnection, because notifications may have been missed in the meantime.
   */
  on(channel: Channel, listener: Listener): Disposable {
    const set = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, set.add(listener))
    return { [Symbol.dispose]: () => void set.delete(listener) }
  }

  /** Returns a {@link Bell} that rings at each notification. */
  bell(channel: Channel): Bell {
    const bell = new Bell()
    this.on(channel, () => bell.ring())
    return bell
  }

  async run(url: string, { stop, log }: { stop: AbortSignal; log: Logger }): Promise<void> {
    while (!stop.aborted) {
      const client = new pg.Client({ connectionString: url, keepAlive: true })
      const { promise: broken, resolve } = Promise.withResolvers<void>()
      client.on('error', () => resolve())
      client.on('end', () => resolve())
      client.on('notification', ({ channel, payload }) =>
        this.#tell(channel as Channel, payload ?? ''),
      )
      const onStop = (): void => resolve()
      stop.addEventListener('abort', onStop, { once: true })
      try {
        await client.connect()
        for (const channel of CHANNELS) await client.query(`listen ${channel}`)
        for (const channel of CHANNELS) this.#tell(channel, '')
        await broken
      } catch (err) {
        log.warn({ err }, 'Cannot listen for notifications, retrying')
      }
      stop.removeEventListener('abort', onStop)
      await client.end().catch(() => undefined)
      if (!stop.aborted) await sleep(300, undefined, { signal: stop }).catch(() => undefined)
    }
  }

  #tell(channel: Channel, payload: string): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener(payload)
  }
}
