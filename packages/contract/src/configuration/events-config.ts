import { z } from 'zod'

/** The TLS options for a message broker or mail server: its authorities and a client certificate. */
const ClientTls = {
  ca_file: z
    .string()
    .optional()
    .describe(
      "PEM file with the authorities of the server's certificate, instead of the usual ones",
    ),
  certificate_file: z
    .string()
    .optional()
    .describe('PEM file with the client certificate; read for each connection'),
  key_file: z.string().optional().describe('PEM file with its private key'),
}

export const Amqp = z
  .strictObject({
    url: z
      .url({ protocol: /^amqps?$/ })
      .describe(
        'broker, as `amqps://USER@HOST:5671/VHOST`; without a user, the client certificate logs in',
      ),
    password: z.string().min(1).optional().describe('password of the user in `url`'),
    ...ClientTls,
    exchange: z.string().min(1).default('amq.topic').describe('topic exchange, which must exist'),
    topic_prefix: z
      .string()
      .regex(/^[\w-]+(\.[\w-]+)*$/, 'must be words that are separated by dots')
      .max(150)
      .optional()
      .describe('beginning of all topics, such as `org.fedoraproject.prod`; default: none'),
  })
  .refine(
    ({ certificate_file, key_file }) =>
      (certificate_file === undefined) === (key_file === undefined),
    'set both certificate_file and key_file, or neither',
  )
export type Amqp = z.infer<typeof Amqp>

export const Mail = z.strictObject({
  url: z
    .url({ protocol: /^smtps?$/ })
    .describe(
      'mail server, as `smtp://USER@HOST:587` or, with TLS from the start, `smtps://USER@HOST:465`',
    ),
  password: z.string().min(1).optional().describe('password of the user in `url`'),
  from: z.string().min(3).describe('sender, such as `Copr <copr@example.org>`'),
  require_tls: z
    .boolean()
    .default(true)
    .describe('whether mail is sent only after STARTTLS; false for a relay on this machine'),
  ca_file: ClientTls.ca_file,
})
export type Mail = z.infer<typeof Mail>
