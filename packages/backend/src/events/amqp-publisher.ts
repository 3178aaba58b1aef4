import type { Amqp } from '@copr/contract/configuration/events-config'
import { messageOf } from '@copr/process/errors'
import type { Logger } from '@copr/process/log'
import { type ChannelModel, type ConfirmChannel, connect, credentials } from 'amqplib'
import { readFile } from 'node:fs/promises'
import type { BusMessage } from './bus-messages.ts'

const CONNECT_MS = 10_000
/** Time for the broker to confirm a message; a broker that is out of memory or disk space confirms none. */
const CONFIRM_MS = 15_000
/** AMQP heartbeat interval, by which both sides notice that the connection is lost. */
const HEARTBEAT_SECONDS = 20

/** Publishes messages over one connection, which is opened on first use and again after a loss. */
export interface AmqpPublisher extends AsyncDisposable {
  /** Resolves when the broker has confirmed the message; rejects if it is unknown whether the message arrived. */
  publish(message: BusMessage): Promise<void>
}

interface Open {
  model: ChannelModel
  channel: ConfirmChannel
  /** Rejects when the connection or the channel is lost. */
  lost: Promise<never>
}

export function amqpPublisher(amqp: Amqp, log: Logger): AmqpPublisher {
  let opening: Promise<Open> | undefined

  async function opened(): Promise<Open> {
    if (opening) return await opening
    const current = openChannel(amqp)
    opening = current
    current
      .then(({ lost }) => lost)
      .catch((error: unknown) => {
        if (opening !== current) return
        opening = undefined
        log.warn({ reason: messageOf(error) }, 'The connection to the message broker is lost')
      })
    return await current
  }

  return {
    async publish({ topic, message_id, headers, body }) {
      const { channel, lost } = await opened()
      const key = amqp.topic_prefix === undefined ? topic : `${amqp.topic_prefix}.${topic}`
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const timer = setTimeout(
        () =>
          reject(
            new Error(`The broker did not confirm a message within ${CONFIRM_MS / 1000} seconds`),
          ),
        CONFIRM_MS,
      )
      try {
        channel.publish(
          amqp.exchange,
          key,
          Buffer.from(JSON.stringify(body)),
          {
            contentType: 'application/json',
            contentEncoding: 'utf-8',
            deliveryMode: 2,
            messageId: message_id,
            headers,
          },
          (error: unknown) => (error ? reject(error as Error) : resolve()),
        )
        await Promise.race([promise, lost])
      } catch (error) {
        // After a timeout, the connection may be half open, so the next attempt opens a new one.
        await drop()
        throw error
      } finally {
        clearTimeout(timer)
      }
    },
    [Symbol.asyncDispose]: drop,
  }

  async function drop(): Promise<void> {
    const current = opening
    opening = undefined
    const open = await current?.catch(() => undefined)
    await open?.model.close().catch(() => undefined)
  }
}

async function openChannel(amqp: Amqp): Promise<Open> {
  const url = new URL(amqp.url)
  url.searchParams.set('heartbeat', String(HEARTBEAT_SECONDS))
  if (amqp.password !== undefined) url.password = encodeURIComponent(amqp.password)
  // Read again for each connection, because certificates are renewed while the process runs.
  const read = async (file: string | undefined): Promise<Buffer | undefined> =>
    file === undefined ? undefined : await readFile(file)
  const [ca, cert, key] = await Promise.all([
    read(amqp.ca_file),
    read(amqp.certificate_file),
    read(amqp.key_file),
  ])
  const model = await connect(url.href, {
    timeout: CONNECT_MS,
    noDelay: true,
    clientProperties: { product: 'copr' },
    ...(url.username === '' && cert ? { credentials: credentials.external() } : {}),
    ...(ca ? { ca: [ca] } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
  })
  const { promise: lost, reject } = Promise.withResolvers<never>()
  lost.catch(() => undefined)
  const close = (error?: Error): void => reject(error ?? new Error('The connection was closed'))
  model.on('error', close)
  model.on('close', close)
  try {
    const channel = await model.createConfirmChannel()
    channel.on('error', close)
    channel.on('close', () => close())
    return { model, channel, lost }
  } catch (error) {
    await model.close().catch(() => undefined)
    throw error
  }
}
