import {
  ClaimAnswer,
  EnrollAnswer,
  type EnrollRequest,
  FinishAnswer,
  type FinishRequest,
  type GoodbyeRequest,
  HeartbeatAnswer,
  LEASE_HEADER,
  UploadAnswer,
} from '@copr/contract/builder-protocol'
import { withoutSlashes } from '@copr/contract/without-slashes'
import { z } from 'zod'
import { messageOf } from '@copr/process/errors'
import { requestIdHeader } from '@copr/process/log-fields'

/**
 * - `unreachable`: try again later
 * - `refused`: the request itself is wrong, and would be refused again
 * - `lease_lost`: another machine has the task, or the task is no longer needed
 * - `session_lost`: the gateway does not know this machine, or no longer knows it
 */
export type GatewayErrorKind = 'unreachable' | 'refused' | 'lease_lost' | 'session_lost'

export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly kind: GatewayErrorKind

  constructor(kind: GatewayErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** The bodies that `fetch` accepts and that can be sent again after a failure, unlike streams. */
type Body = string | Uint8Array<ArrayBuffer> | Blob

interface Send {
  method: 'GET' | 'POST' | 'PUT'
  body?: Body
  signal: AbortSignal
  /** Milliseconds to wait for a response. If not set, as for file transfers, only `signal` limits the request. */
  timeout_ms?: number
}

const ANSWER_MS = 30_000

export interface TaskGateway {
  heartbeat(phase: string | undefined, signal: AbortSignal): Promise<HeartbeatAnswer>
  /**
   * Appends to a log at `offset`. Returns the number of bytes of the log that the gateway now has; if `offset` was wrong, that number may
   * be lower or higher than the sender expects.
   */
  putLog(
    name: string,
    offset: number,
    bytes: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<number>
  /** Appends to a result file, in the same way as {@link putLog}. */
  putFile(name: string, offset: number, bytes: Blob, signal: AbortSignal): Promise<number>
  getSrpm(signal: AbortSignal): Promise<NonNullable<Response['body']>>
  /** Reports the outcome; returns whether the gateway accepted it. */
  finish(outcome: FinishRequest, signal: AbortSignal): Promise<boolean>
}

export interface GatewaySession {
  claim(wait_seconds: number, signal: AbortSignal): Promise<ClaimAnswer | undefined>
  task(task_id: string, lease: string): TaskGateway
  goodbye(request: GoodbyeRequest, signal: AbortSignal): Promise<void>
}

export interface GatewayClient {
  enroll(request: EnrollRequest, signal: AbortSignal): Promise<EnrollAnswer>
  session(token: string): GatewaySession
}

/** Returns a client for the builder protocol. Every failure is a {@link GatewayError}; nothing is retried. */
export function gatewayClient(
  gateway_url: string,
  fetch: typeof globalThis.fetch = globalThis.fetch,
): GatewayClient {
  const base = withoutSlashes(gateway_url)

  async function send(
    path: string,
    headers: Record<string, string>,
    request: Send,
  ): Promise<Response> {
    const { method, body, signal, timeout_ms } = request
    const limit =
      timeout_ms === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(timeout_ms)])
    const json = typeof body === 'string' ? { 'content-type': 'application/json' } : {}
    try {
      const init = { method, headers: { ...requestIdHeader(), ...headers, ...json }, signal: limit }
      return await fetch(`${base}${path}`, body === undefined ? init : { ...init, body })
    } catch (error) {
      signal.throwIfAborted()
      throw new GatewayError('unreachable', `Cannot reach the gateway: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }

  /** Sends JSON in a POST request; returns the JSON of the response, or undefined for a 204. */
  async function ask<T>(
    path: string,
    headers: Record<string, string>,
    request: Send,
    schema: z.ZodType<T>,
  ) {
    const response = await send(path, headers, request)
    if (!response.ok) throw await refusal(path, response)
    if (response.status === 204) return undefined
    return await parseAnswer(path, response, schema)
  }

  async function enroll(request: EnrollRequest, signal: AbortSignal): Promise<EnrollAnswer> {
    const post = jsonPost(request, signal)
    return must('/builder/enroll', await ask('/builder/enroll', {}, post, EnrollAnswer))
  }

  function session(token: string): GatewaySession {
    const auth = { authorization: `Bearer ${token}` }
    return {
      claim: (wait_seconds, signal) =>
        ask(
          '/builder/claim',
          auth,
          jsonPost({ wait_seconds }, signal, wait_seconds * 1000 + ANSWER_MS),
          ClaimAnswer,
        ),
      goodbye: async (request, signal) =>
        void (await ask('/builder/goodbye', auth, jsonPost(request, signal), z.unknown())),
      task: (task_id, lease) =>
        task(`/builder/tasks/${encodeURIComponent(task_id)}`, { ...auth, [LEASE_HEADER]: lease }),
    }
  }

  function task(path: string, headers: Record<string, string>): TaskGateway {
    async function put(where: string, body: Body, signal: AbortSignal): Promise<number> {
      const response = await send(where, headers, { method: 'PUT', body, signal })
      if (response.status === 409) {
        const answer = UploadAnswer.safeParse(await response.json().catch(() => undefined))
        if (answer.success) return answer.data.size
        throw new GatewayError(
          'lease_lost',
          'Cannot upload: this agent no longer has the lease on the task',
        )
      }
      if (!response.ok) throw await refusal(where, response)
      return (await parseAnswer(where, response, UploadAnswer)).size
    }
    return {
      async heartbeat(phase, signal) {
        const where = `${path}/heartbeat`
        return must(
          where,
          await ask(
            where,
            headers,
            jsonPost(phase === undefined ? {} : { phase }, signal),
            HeartbeatAnswer,
          ),
        )
      },
      putLog: (name, offset, bytes, signal) =>
        put(`${path}/log?name=${encodeURIComponent(name)}&offset=${offset}`, bytes, signal),
      putFile: (name, offset, bytes, signal) =>
        put(`${path}/files/${encodeURIComponent(name)}?offset=${offset}`, bytes, signal),
      async getSrpm(signal) {
        const response = await send(`${path}/srpm`, headers, { method: 'GET', signal })
        if (!response.ok || !response.body) throw await refusal(`${path}/srpm`, response)
        return response.body
      },
      async finish(outcome, signal) {
        const answer = await ask(`${path}/finish`, headers, jsonPost(outcome, signal), FinishAnswer)
        return must(`${path}/finish`, answer).accepted
      },
    }
  }

  return { enroll, session }
}

function jsonPost(body: unknown, signal: AbortSignal, timeout_ms = ANSWER_MS): Send {
  return { method: 'POST', body: JSON.stringify(body), signal, timeout_ms }
}

function must<T>(path: string, answer: T | undefined): T {
  if (answer === undefined)
    throw new GatewayError('refused', `Cannot use the response from ${path}: it is empty`)
  return answer
}

async function parseAnswer<T>(path: string, response: Response, schema: z.ZodType<T>): Promise<T> {
  let body: unknown
  try {
    body = await response.json()
  } catch (error) {
    throw new GatewayError('unreachable', `Cannot read the response from ${path}`, { cause: error })
  }
  const answer = schema.safeParse(body)
  if (answer.success) return answer.data
  throw new GatewayError(
    'refused',
    `Cannot use the response from ${path}: ${z.prettifyError(answer.error)}`,
  )
}

async function refusal(path: string, response: Response): Promise<GatewayError> {
  const text = await response.text().catch(() => '')
  const words = `${path} responded with ${response.status}: ${errorIn(text)}`
  if (response.status === 401) return new GatewayError('session_lost', words)
  if (response.status >= 500 || response.status === 408 || response.status === 429)
    return new GatewayError('unreachable', words)
  const isTask = path.startsWith('/builder/tasks/')
  const isGone = response.status === 409 || response.status === 404 || response.status === 410
  return new GatewayError(isTask && isGone ? 'lease_lost' : 'refused', words)
}

function errorIn(text: string): string {
  try {
    const parsed = z.object({ error: z.string() }).safeParse(JSON.parse(text))
    if (parsed.success) return parsed.data.error
  } catch {
    // The body is not JSON; it may be the error page of a proxy, which is shown unchanged.
  }
  return text.slice(0, 300)
}
