import {
  type MakeKeyRequest,
  PublicKeyAnswer,
  SignAnswer,
  type SignRequest,
} from '@copr/contract/keygen-protocol'
import { armor, digestFor } from '@copr/contract/openpgp-signature'
import { z } from 'zod'
import { CoprError, STATUS_OF } from './errors.ts'

const TIMEOUT_MS = 30_000
/** An RSA key that is not made ahead takes seconds, on a busy machine many. */
const MAKE_KEY_TIMEOUT_MS = 120_000
const ErrorAnswer = z.object({ error: z.string() })

export interface KeygenClient {
  /** The project's key, made if it has none. */
  makeKey(request: MakeKeyRequest): Promise<PublicKeyAnswer>
  /** Undefined when the project has none. */
  publicKey(owner: string, project: string): Promise<PublicKeyAnswer | undefined>
  sign(request: SignRequest): Promise<SignAnswer>
}

/** Talks to keygen at `url`. An outage is a CoprError `unavailable`, and worth a new try later. */
export function keygenClient({ url, secret }: { url: string; secret: string }): KeygenClient {
  const base = url.replace(/\/+$/, '')
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' }

  async function ask<Schema extends z.ZodType>(
    answer: Schema,
    path: string,
    init: RequestInit,
    timeout_ms = TIMEOUT_MS,
  ): Promise<z.output<Schema>> {
    let status: number
    let body: string
    const signal = AbortSignal.timeout(timeout_ms)
    const once = async (): Promise<[number, string]> => {
      const response = await fetch(`${base}${path}`, {
        ...init,
        headers,
        signal,
        redirect: 'error',
      })
      return [response.status, await response.text()]
    }
    try {
      // Every request may be repeated; a kept connection may have ended just when it was used again.
      ;[status, body] = await once().catch((error) => {
        if (connectionEnded(error)) return once()
        throw error
      })
    } catch (cause) {
      throw new CoprError('unavailable', `Cannot reach keygen at ${base}`, { cause })
    }
    if (status !== 200) throw errorOf(base, status, body)
    const parsed = answer.safeParse(jsonOf(body))
    if (!parsed.success)
      throw new Error(`Cannot understand what keygen at ${base} answers`, { cause: parsed.error })
    return parsed.data
  }

  return {
    makeKey: (request) => ask(PublicKeyAnswer, '/keys', post(request), MAKE_KEY_TIMEOUT_MS),
    async publicKey(owner, project) {
      const path = `/keys/${encodeURIComponent(owner)}/${encodeURIComponent(project)}`
      try {
        return await ask(PublicKeyAnswer, path, { method: 'GET' })
      } catch (error) {
        if (error instanceof CoprError && error.kind === 'not_found') return undefined
        throw error
      }
    },
    async sign(request) {
      const answer = await ask(SignAnswer, '/sign', post(request))
      if (answer.signatures.length !== request.digests.length)
        throw new Error(`Cannot use what keygen at ${base} answers: a signature is missing`)
      return answer
    },
  }
}

/** What is signed, for whom, and with which key. */
export interface DetachedRequest {
  owner: string
  project: string
  purpose: string
  data: Uint8Array
  public: PublicKeyAnswer
  now: Date
}

/** An ASCII-armoured detached signature over `data`, as `repomd.xml.asc` has it. */
export async function signDetached(
  client: KeygenClient,
  request: DetachedRequest,
): Promise<string> {
  const { owner, project, purpose, data, now } = request
  const { algorithm, fingerprint } = request.public
  const created_at = Math.floor(now.getTime() / 1000)
  const digest = digestFor(data, { algorithm, fingerprint, created_at })
  const digests = [digest.toString('base64')]
  const { signatures } = await client.sign({ owner, project, purpose, created_at, digests })
  return armor('SIGNATURE', Buffer.from(signatures[0] ?? '', 'base64'))
}

function connectionEnded(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
}

function post(body: unknown): RequestInit {
  return { method: 'POST', body: JSON.stringify(body) }
}

function errorOf(base: string, status: number, body: string): Error {
  // Our fault, not that of whoever asked us: it must not turn into "log in" for a user.
  if (status === 401)
    return new Error(`Cannot use keygen at ${base}: it does not accept the secret`)
  const message = ErrorAnswer.safeParse(jsonOf(body)).data?.error ?? body.slice(0, 200)
  const kind = KINDS.find((name) => STATUS_OF[name] === status)
  if (kind) return new CoprError(kind, message)
  return new Error(`Cannot use keygen at ${base}: status ${status}: ${message}`)
}

const KINDS = Object.keys(STATUS_OF) as (keyof typeof STATUS_OF)[]

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
