import type { RenderContext } from './render-context.ts'

/** Ports on which the backend may connect to webhook receivers. */
const WEBHOOK_PORTS = [80, 443, 8443]
const DEFAULT_PORTS: Record<string, number> = {
  'amqp:': 5672,
  'amqps:': 5671,
  'smtp:': 587,
  'smtps:': 465,
}

/**
 * Returns the configuration of the message broker and the mail server for a component. The frontend gets only the mail settings, because it
 * shows them to users.
 */
export function eventsConfig(
  { vars }: Pick<RenderContext, 'vars'>,
  program: string,
  { dir, fromFile }: { dir: string; fromFile: (path: string) => object },
): object {
  const { amqp, mail } = vars.events
  if (program === 'frontend') return mail ? { mail: { url: mail.url, from: mail.from } } : {}
  if (program !== 'backend') return {}
  const ca = (ref: object | undefined, name: string): object =>
    ref ? { ca_file: `${dir}/${name}-ca/ca.crt` } : {}
  const password = (ref: object | undefined, name: string): object =>
    ref ? { password: fromFile(`${name}/password`) } : {}
  return {
    ...(amqp
      ? {
          amqp: {
            url: amqp.url,
            ...(amqp.exchange === undefined ? {} : { exchange: amqp.exchange }),
            ...(amqp.topic_prefix === undefined ? {} : { topic_prefix: amqp.topic_prefix }),
            ...password(amqp.password, 'amqp'),
            ...ca(amqp.ca, 'amqp'),
            ...(amqp.client_certificate === undefined
              ? {}
              : {
                  certificate_file: `${dir}/amqp-client/tls.crt`,
                  key_file: `${dir}/amqp-client/tls.key`,
                }),
          },
        }
      : {}),
    ...(mail
      ? {
          mail: {
            url: mail.url,
            from: mail.from,
            ...(mail.require_tls === undefined ? {} : { require_tls: mail.require_tls }),
            ...password(mail.password, 'mail'),
            ...ca(mail.ca, 'mail'),
          },
        }
      : {}),
  }
}

/** Returns the files with passwords and certificates that are mounted next to the backend's configuration. */
export function eventsSources({ vars }: Pick<RenderContext, 'vars'>, program: string): object[] {
  if (program !== 'backend') return []
  const { amqp, mail } = vars.events
  const file = (name: string, key: string, path: string): object => ({
    secret: { name, items: [{ key, path }] },
  })
  const client = amqp?.client_certificate
  return [
    ...(amqp?.password ? [file(amqp.password.secret, amqp.password.key, 'amqp/password')] : []),
    ...(amqp?.ca ? [file(amqp.ca.secret, amqp.ca.key, 'amqp-ca/ca.crt')] : []),
    ...(client === undefined
      ? []
      : ['tls.crt', 'tls.key'].map((key) => file(client, key, `amqp-client/${key}`))),
    ...(mail?.password ? [file(mail.password.secret, mail.password.key, 'mail/password')] : []),
    ...(mail?.ca ? [file(mail.ca.secret, mail.ca.key, 'mail-ca/ca.crt')] : []),
  ]
}

/** Returns the names of the Secrets with passwords. The backend reads them only when it starts. */
export function eventsSecrets({ events: { amqp, mail } }: RenderContext['vars']): string[] {
  return [amqp?.password?.secret, mail?.password?.secret].filter((name) => name !== undefined)
}

/**
 * Returns the egress rules of the backend: webhook receivers must be outside private networks, the broker and the mail server may be
 * anywhere.
 */
export function eventsEgress(
  { vars }: Pick<RenderContext, 'vars'>,
  private_networks: readonly string[],
): object[] {
  const { amqp, mail } = vars.events
  const ports = [amqp?.url, mail?.url].filter((url) => url !== undefined).map(portOf)
  const tcp = (port: number): object => ({ protocol: 'TCP', port })
  return [
    {
      to: [{ ipBlock: { cidr: '0.0.0.0/0', except: private_networks } }],
      ports: WEBHOOK_PORTS.map(tcp),
    },
    ...(ports.length > 0 ? [{ ports: [...new Set(ports)].map(tcp) }] : []),
  ]
}

function portOf(text: string): number {
  const { port, protocol } = new URL(text)
  return port === '' ? (DEFAULT_PORTS[protocol] ?? 443) : Number(port)
}
