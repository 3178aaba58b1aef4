import type { WebhookSource } from '@copr/contract/api/webhooks'
import { sameSecret } from '@copr/process/http-server'
import { createHash, createHmac } from 'node:crypto'
import type { Header } from './forges/forge-event.ts'

/** Maximum difference in seconds between a signed timestamp and this site's clock. */
const TOLERANCE_SECONDS = 300
/**
 * Maximum number of signatures that are compared. There may be several, because signatures with retired keys may precede the current one;
 * the number is limited, because each one costs a comparison.
 */
const MAX_SIGNATURES = 10

/** For a verified delivery, the keys that must not have been seen before; for a refused one, the reason. */
export type Verified = { keys: readonly string[] } | { refusal: string }

interface Signed {
  header: Header
  body: Buffer
  secret: string
  now: Date
}

/** Verifies a delivery with one method; returns undefined if the delivery does not have the method's header. */
type Verify = (signed: Signed) => Verified | undefined

/**
 * The methods by which each source may sign, strongest first. If the signature of a stronger method is wrong, weaker ones are not tried.
 */
const WAYS: Record<WebhookSource, readonly Verify[]> = {
  github: [hexHmac('x-hub-signature-256', 'sha256=')],
  gitlab: [standardWebhooks, gitlabToken],
  bitbucket: [hexHmac('x-hub-signature', 'sha256=')],
  forgejo: [
    hexHmac('x-forgejo-signature'),
    hexHmac('x-gitea-signature'),
    hexHmac('x-hub-signature-256', 'sha256='),
  ],
  custom: [standardWebhooks, hexHmac('x-hub-signature-256', 'sha256=')],
}

/** The headers that deliveries from each source need, for error messages. */
const HEADERS: Record<WebhookSource, string> = {
  github: 'X-Hub-Signature-256',
  gitlab: 'webhook-signature (a signing token) or X-Gitlab-Token (a secret token)',
  bitbucket: 'X-Hub-Signature',
  forgejo: 'X-Forgejo-Signature or X-Gitea-Signature',
  custom: 'webhook-signature',
}

/** Verifies the signature of a delivery with the project's signing secret, and its timestamp if the method signs one. */
export function verifySignature(source: WebhookSource, signed: Signed): Verified {
  for (const verify of WAYS[source]) {
    const verified = verify(signed)
    if (verified) return verified
  }
  return {
    refusal: `the delivery is not signed: this project requires the header ${HEADERS[source]}; enter the project's signing secret in the webhook's settings`,
  }
}

/** HMAC-SHA256 of the body in hexadecimal. It covers neither a timestamp nor an ID, so the same body is accepted only once. */
function hexHmac(name: string, prefix = ''): Verify {
  return ({ header, body, secret }) => {
    const shown = header(name)
    if (shown === undefined) return undefined
    const wanted = `${prefix}${createHmac('sha256', secret).update(body).digest('hex')}`
    if (!sameSecret(shown, wanted)) return wrongSignature(name)
    return { keys: [digestKey(body)] }
  }
}

/** HMAC-SHA256 of the ID, the timestamp and the body; see https://www.standardwebhooks.com. */
function standardWebhooks({ header, body, secret, now }: Signed): Verified | undefined {
  const shown = header('webhook-signature')
  if (shown === undefined) return undefined
  const [id, time] = [header('webhook-id') ?? '', header('webhook-timestamp') ?? '']
  if (id === '' || !/^\d{1,12}$/.test(time))
    return { refusal: 'the signature lacks the header webhook-id or webhook-timestamp' }
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const wanted = createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest('base64')
  const signatures = shown.split(' ', MAX_SIGNATURES)
  // Compares every signature, so that the duration reveals nothing.
  const isRight = signatures.filter((each) => sameSecret(each, `v1,${wanted}`)).length > 0
  if (!isRight) return wrongSignature('webhook-signature')
  const late_seconds = Math.round(now.getTime() / 1000) - Number(time)
  if (Math.abs(late_seconds) > TOLERANCE_SECONDS)
    return {
      refusal: `its timestamp is ${Math.abs(late_seconds)} seconds ${late_seconds > 0 ? 'old' : 'in the future'}; ${TOLERANCE_SECONDS} are allowed`,
    }
  return { keys: [`signed id ${digestOf(id)}`] }
}

/** GitLab's secret token, which is sent in plain text: it authenticates the sender, but does not prove that the body is unaltered. */
function gitlabToken({ header, body, secret }: Signed): Verified | undefined {
  const shown = header('x-gitlab-token')
  if (shown === undefined) return undefined
  if (!sameSecret(shown, secret))
    return { refusal: 'X-Gitlab-Token is not the signing secret of the project' }
  return { keys: [digestKey(body)] }
}

function wrongSignature(name: string): Verified {
  return {
    refusal: `the signature in ${name} is wrong: it was made with another secret, or the body was altered`,
  }
}

function digestKey(body: Buffer): string {
  return `signed body ${digestOf(body)}`
}

function digestOf(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}
