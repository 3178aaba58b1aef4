import {
  ChangedKeys,
  LogVerdict,
  type MakeKeyRequest,
  OpenAnswer,
  type OpenRequest,
  PublicKeyAnswer,
  SealAnswer,
  type SealRequest,
  SignAnswer,
  SignatureLog,
  type SignRequest,
} from '@copr/contract/keygen-protocol'
import { withoutSlashes } from '@copr/contract/without-slashes'
import { z } from 'zod'
import { CoprError, STATUS_OF } from '@copr/process/errors'
import { httpsClient } from '@copr/process/https-client'
import { requestIdHeader } from '@copr/process/log-fields'
import { lastGoodFile } from '@copr/process/replaced-file'

const TIMEOUT_MS = 30_000
/** If the pool has no RSA key, generating one takes seconds, and more on a busy machine. */
const MAKE_KEY_TIMEOUT_MS = 120_000
const ErrorAnswer = z.object({ error: z.string() })

export interface KeygenClient {
  /** Returns the project's key, which is made if there is none. */
  makeKey(request: MakeKeyRequest): Promise<PublicKeyAnswer>
  /** Returns the project's key; undefined when it has none. */
  publicKey(owner: string, project: string): Promise<PublicKeyAnswer | undefined>
  sign(request: SignRequest): Promise<SignAnswer>
  /** Lists the projects whose keys were made, extended or rotated since the given time. */
  changedKeys(since: Date): Promise<ChangedKeys['keys']>
  /** Replaces the project's key if it has this fingerprint; returns the current key. */
  rotateKey(owner: string, project: string, fingerprint: string): Promise<PublicKeyAnswer>
  /** Lists the most recent signatures of one project or of all projects, latest first. */
  signatures(of?: { owner: string; project: string }): Promise<SignatureLog['entries']>
  checkLog(): Promise<LogVerdict>
  /** Seals a secret of a project; only keygen can open it. */
  seal(request: SealRequest): Promise<Buffer>
  /** Opens a secret that was sealed for the same purpose and context. */
  open(request: Omit<OpenRequest, 'sealed'> & { sealed: Buffer }): Promise<string>
}

export interface KeygenAddress {
  url: string
  /** The bearer token; ignored if `token_file` is set. */
  secret?: string | undefined
  /** File with a service account token. It is read for each request, because the kubelet renews the token. */
  token_file?: string | undefined
  ca_file?: string | undefined
}

/** Makes a client of keygen. While keygen is unreachable, its methods throw CoprError `unavailable`; callers may retry later. */
export function keygenClient({ url, secret, token_file, ca_file }: KeygenAddress): KeygenClient {
  const base = withoutSlashes(url)
  const send = httpsClient({ ca_file })
  const readToken = token_file === undefined ? undefined : lastGoodFile(token_file)

  async function headers(): Promise<Record<string, string>> {
    const shown = readToken ? await readToken() : secret
    return {
      authorization: `Bearer ${shown ?? ''}`,
      'content-type': 'application/json',
      ...requestIdHeader(),
    }
  }

  async function ask<Schema extends z.ZodType>(
    answer: Schema,
    path: string,
    { body, timeout_ms = TIMEOUT_MS, repeat = true }: Ask = {},
  ): Promise<z.output<Schema>> {
    const signal = AbortSignal.timeout(timeout_ms)
    const request = {
      headers: await headers(),
      signal,
      ...(body === undefined
        ? { method: 'GET' as const }
        : { method: 'POST' as const, body: JSON.stringify(body) }),
    }
    const once = (): ReturnType<typeof send> => send(`${base}${path}`, request)
    let got: Awaited<ReturnType<typeof send>>
    try {
      // The server may have closed a keep-alive connection just as it was reused, so the request is repeated once.
      got = await once().catch((error: unknown) => {
        if (repeat && connectionEnded(error)) return once()
        throw error
      })
    } catch (cause) {
      throw new CoprError('unavailable', `Cannot reach keygen at ${base}`, { cause })
    }
    if (got.status !== 200) throw errorOf(base, got.status, got.body)
    const parsed = answer.safeParse(jsonOf(got.body))
    if (!parsed.success)
      throw new Error(`Cannot understand the response of keygen at ${base}`, {
        cause: parsed.error,
      })
    return parsed.data
  }

  return {
    makeKey: (body) => ask(PublicKeyAnswer, '/keys', { body, timeout_ms: MAKE_KEY_TIMEOUT_MS }),
    async publicKey(owner, project) {
      try {
        return await ask(PublicKeyAnswer, keyPath(owner, project))
      } catch (error) {
        if (error instanceof CoprError && error.kind === 'not_found') return undefined
        throw error
      }
    },
    async sign(body) {
      // This request is not repeated: a ticket is valid once, so the caller has to get another one.
      const answer = await ask(SignAnswer, '/sign', { body, repeat: false })
      if (answer.signatures.length !== body.digests.length)
        throw new Error(`Cannot use the response of keygen at ${base}: a signature is missing`)
      return answer
    },
    async changedKeys(since) {
      const seconds = Math.floor(since.getTime() / 1000)
      return (await ask(ChangedKeys, `/keys?changed_since=${seconds}`)).keys
    },
    rotateKey: (owner, project, fingerprint) =>
      ask(PublicKeyAnswer, `${keyPath(owner, project)}/rotate`, {
        body: { fingerprint },
        timeout_ms: MAKE_KEY_TIMEOUT_MS,
      }),
    async signatures(of) {
      const query = of ? `?${new URLSearchParams(of).toString()}` : ''
      return (await ask(SignatureLog, `/signatures${query}`)).entries
    },
    checkLog: () => ask(LogVerdict, '/signatures/check', { body: {} }),
    async seal(body) {
      const { sealed } = await ask(SealAnswer, '/secrets/seal', { body })
      return Buffer.from(sealed, 'base64')
    },
    async open(request) {
      const body = { ...request, sealed: request.sealed.toString('base64') }
      return (await ask(OpenAnswer, '/secrets/open', { body })).secret
    },
  }
}

interface Ask {
  /** The body of a POST; without it, the request is a GET. */
  body?: unknown
  timeout_ms?: number
  repeat?: boolean
}

function keyPath(owner: string, project: string): string {
  return `/keys/${encodeURIComponent(owner)}/${encodeURIComponent(project)}`
}

function connectionEnded(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ECONNRESET' || code === 'EPIPE'
}

function errorOf(base: string, status: number, body: string): Error {
  // The kind is not `unauthenticated`: the credentials of this component are wrong, and its users must not see a message that asks them to
  // log in.
  if (status === 401)
    return new Error(`Cannot use keygen at ${base}: it does not accept the secret or token`)
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
