import type { Configuration } from '@copr/contract/configuration'
import type { Mail } from '@copr/contract/configuration/events-config'
import { MAIL_EVENTS } from '@copr/contract/events'
import { mailRecipient } from '@copr/domain/outbox/mail-recipient'
import { type Delivery, dropDelivered } from '@copr/domain/outbox/queues'
import { readFile } from 'node:fs/promises'
import { createTransport } from 'nodemailer'
import type { Backend } from '../context.ts'
import { mailText } from './mail-text.ts'
import { type Channel, DestinationError } from './serve-queue.ts'

const TIMEOUT_MS = 20_000
/** Mails sent under one lease of the queue: few enough that the lease does not expire, even if the server is slow. */
const BATCH = 4

interface Mailer extends Pick<Backend, 'db' | 'log'> {
  config: Pick<Configuration, 'public_url' | 'site_name'>
}

/** Mails notices to users. A mail that the server refuses for good, for example because the address does not exist, is dropped. */
export function mailChannel({ db, log, config }: Mailer, mail: Mail): Channel {
  async function sendOne(delivery: Delivery): Promise<void> {
    const event = MAIL_EVENTS.find((each) => each === delivery.event)
    const to = await mailRecipient(db, Number(delivery.data['recipient_id']))
    if (event && to) {
      const { subject, text } = mailText(event, delivery.data, config)
      const { hostname } = new URL(config.public_url)
      const message = {
        from: mail.from,
        to: { name: to.username, address: to.email },
        subject,
        text,
        messageId: `<${delivery.message_id}@${hostname}>`,
        date: delivery.created_at,
        headers: { 'Auto-Submitted': 'auto-generated' },
        disableFileAccess: true,
        disableUrlAccess: true,
      }
      try {
        await (await transport(mail)).sendMail(message)
      } catch (error) {
        if (!isRefusedForGood(error))
          throw new DestinationError('Cannot send mail', { cause: error })
        log.warn({ user: to.username, reason: String(error) }, 'A mail was refused')
      }
    }
    await dropDelivered(db, [delivery.id])
  }

  return {
    channel: 'mail',
    batch: BATCH,
    backoff: { first_seconds: 5, max_seconds: 300 },
    async send(_queue, deliveries) {
      for (const delivery of deliveries) await sendOne(delivery)
      return undefined
    },
  }
}

async function transport(mail: Mail): Promise<ReturnType<typeof createTransport>> {
  const { hostname, port, protocol, username } = new URL(mail.url)
  const secure = protocol === 'smtps:'
  return createTransport({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 465 : 587) : Number(port),
    secure,
    requireTLS: mail.require_tls && !secure,
    ...(username === ''
      ? {}
      : { auth: { user: decodeURIComponent(username), pass: mail.password ?? '' } }),
    ...(mail.ca_file === undefined ? {} : { tls: { ca: await readFile(mail.ca_file) } }),
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
  })
}

/** Whether the server permanently refuses this mail; login and connection errors concern all mails. */
function isRefusedForGood(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { responseCode, code } = error as { responseCode?: number; code?: string }
  return (
    (code === 'EENVELOPE' || code === 'EMESSAGE') &&
    (responseCode === undefined || (responseCode >= 500 && responseCode < 600))
  )
}
