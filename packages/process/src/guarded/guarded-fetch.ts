import { type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Readable, Transform } from 'node:stream'
import type { AddressRules } from './address-rules.ts'
import {
  guardedLookup,
  hostOf,
  parseHttpUrl,
  requireAllowedHost,
  type Resolve,
  UrlError,
} from './guarded-lookup.ts'

/** The CA certificates with which the server is verified, and the client certificate with its key, in PEM. */
export interface Certificates {
  ca?: string[]
  cert?: string
  key?: string
}

/** The options for connecting to a URL that a user supplied. */
interface ConnectionOptions {
  rules: AddressRules
  signal: AbortSignal
  /** Maximum seconds until the headers of a response arrive; counted anew for each redirect. */
  connect_seconds?: number
  tls?: Certificates | undefined
  /** Resolves host names in place of the machine's name servers. */
  resolve?: Resolve
}

export interface GuardedOptions extends ConnectionOptions {
  max_redirects?: number
  /** Maximum size of the body; reading a larger one fails with an error. */
  max_bytes?: number
}

export interface GuardedPost extends ConnectionOptions {
  headers: Record<string, string>
  body: string
}

const NO_BODY = new Set([204, 205, 304])

/**
 * Sends a GET request to a URL that a user supplied. The address is checked for each connection, including those after redirects, so a name
 * cannot resolve to another address between the check and the connection. Throws a {@link UrlError} if the URL is at fault.
 */
export async function guardedFetch(from: string, options: GuardedOptions): Promise<Response> {
  const { max_redirects = 5, max_bytes = Infinity } = options
  let { tls } = options
  let url = parseHttpUrl(from)
  for (let redirects = 0; redirects <= max_redirects; redirects++) {
    const message = await openWithin(url, { ...options, tls })
    const { statusCode: status = 502, headers } = message
    if (status < 300 || status > 399 || headers.location === undefined)
      return responseOf(message, url, max_bytes)
    message.destroy()
    const next = parseHttpUrl(URL.parse(headers.location, url)?.href ?? headers.location)
    // The client certificate must not be sent to another origin.
    if (next.origin !== url.origin && tls) tls = tls.ca ? { ca: tls.ca } : undefined
    url = next
  }
  throw new UrlError(`${from} redirects more than ${max_redirects} times`)
}

/**
 * Sends a POST request to a URL that a user supplied; its address is checked as in {@link guardedFetch}. Redirects are not followed: a
 * response with status 3xx is returned as it is.
 */
export async function guardedPost(
  to: string,
  { headers, body, ...options }: GuardedPost,
): Promise<Response> {
  const url = parseHttpUrl(to)
  const message = await openWithin(url, options, { method: 'POST', headers, body })
  return responseOf(message, url, Infinity)
}

interface Sent {
  method: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string
}

async function openWithin(
  url: URL,
  { rules, signal, connect_seconds = 30, tls, resolve: names }: ConnectionOptions,
  { method, headers, body }: Sent = { method: 'GET' },
): Promise<IncomingMessage> {
  requireAllowedHost(hostOf(url), rules, url.href)
  const slow = new AbortController()
  const timer = setTimeout(() => slow.abort(), connect_seconds * 1000)
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  try {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest
    const request = send(
      url,
      {
        agent: false,
        signal: AbortSignal.any([signal, slow.signal]),
        method,
        headers: { 'user-agent': 'copr', accept: '*/*', ...headers },
        lookup: guardedLookup(rules, url.href, names),
        ...tls,
      },
      resolve,
    )
    request.on('error', reject)
    request.end(body)
    return await promise
  } catch (error) {
    signal.throwIfAborted()
    if (slow.signal.aborted)
      throw new UrlError(`${url.href} did not answer within ${connect_seconds} seconds`)
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function responseOf(message: IncomingMessage, url: URL, max_bytes: number): Response {
  const { statusCode: status = 502, statusMessage: statusText = '' } = message
  const answered = Object.entries(message.headers).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, value] as [string, string]] : [],
  )
  if (NO_BODY.has(status)) message.destroy()
  const body = NO_BODY.has(status)
    ? null
    : (Readable.toWeb(limited(message, url, max_bytes)) as ReadableStream)
  return new Response(body, { status, statusText, headers: answered })
}

/** Passes the body through; fails with an error once it exceeds `max_bytes`. */
function limited(message: IncomingMessage, url: URL, max_bytes: number): Readable {
  if (max_bytes === Infinity) return message
  let size = 0
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length
      if (size <= max_bytes) done(null, chunk)
      else done(new UrlError(`${url.href} is longer than ${max_bytes} bytes`))
    },
  })
  message.on('error', (error) => counter.destroy(error))
  counter.on('close', () => message.destroy())
  return message.pipe(counter)
}
