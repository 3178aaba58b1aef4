import { createHash, timingSafeEqual } from 'node:crypto'
import type { Server } from 'node:http'
import https from 'node:https'
import { LOOPBACK_PROXIES } from '@copr/contract/trusted-proxies'
import { type HttpBindings, serve } from '@hono/node-server'
import type { Context } from 'hono'
import { clientAddresses } from './client-address.ts'
import { limitConnections } from './connection-limit.ts'
import { CoprError, INTERNAL_ERROR, STATUS_OF } from './errors.ts'
import { type Logger, silentLog } from './log.ts'
import { discardBody } from './discard-body.ts'
import { acceptRequestId, REQUEST_ID_HEADER, withLogFields } from './log-fields.ts'
import { endStalledRequests, PROGRESS_LIMITS, type ProgressLimits } from './stalled-requests.ts'
import { followTls, readTls, type TlsFiles, type TlsPair } from './tls-files.ts'

export type { HttpBindings } from '@hono/node-server'

/** A Hono app, or several apps that are routed by path. */
export interface HttpApp {
  fetch(request: Request, bindings: HttpBindings): Response | Promise<Response>
}

export interface RunningServer extends AsyncDisposable {
  readonly port: number
  readonly server: Server
}

export interface ServeOptions {
  host: string
  port: number
  /** Files for HTTPS. They are checked for changes every `reload_seconds`, because certificates are renewed while programs run. */
  tls?: TlsFiles | undefined
  reload_seconds?: number
  /** Records which certificate is in use, and why a new one is not. */
  log?: Logger
  /** Addresses of reverse proxies. Their connections carry requests from many clients and are not limited. */
  trusted_proxies?: readonly string[] | undefined
  max_connections_per_address?: number
  /** Milliseconds within which all headers of a request must arrive. */
  headers_ms?: number
  progress?: ProgressLimits
}

/** Maximum connections per client address. A fleet of machines behind one address needs two connections per machine. */
const MAX_CONNECTIONS = 1000
const HEADERS_MS = 30_000
/**
 * Longer than proxies and clients keep idle connections for reuse, which is a minute for most. If a connection is closed just when the next
 * request is sent, that request fails; a proxy then responds with 502.
 */
const IDLE_MS = 75_000

/** Serves HTTP or HTTPS until the result is disposed. Port 0 selects any free port. */
export async function serveHttp(app: HttpApp, options: ServeOptions): Promise<RunningServer> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const { host: hostname, port: wanted, tls, reload_seconds = 60, log = silentLog() } = options
  const address = { fetch: tracedFetch(app), hostname, port: wanted }
  const timeouts = timeoutsOf(options)
  const pair = tls && (await readTls(tls))
  const server = serve(
    pair
      ? { ...address, createServer: https.createServer, serverOptions: { ...pair, ...timeouts } }
      : { ...address, serverOptions: timeouts },
    (info) => resolve(info.port),
  ) as Server
  server.once('error', (cause: NodeJS.ErrnoException) => {
    const why =
      cause.code === 'EADDRINUSE' ? 'the port is in use by another process' : cause.message
    reject(new Error(`Cannot listen at ${options.host}:${options.port}: ${why}`))
  })
  const addresses = clientAddresses(options.trusted_proxies ?? LOOPBACK_PROXIES)
  limitConnections(server, addresses, options.max_connections_per_address ?? MAX_CONNECTIONS)
  const stalled = endStalledRequests(server, options.progress ?? PROGRESS_LIMITS)
  const port = await promise
  const take = (renewed: TlsPair): void => (server as https.Server).setSecureContext(renewed)
  const following = pair && followTls(tls, pair, { reload_seconds, log, take })
  return {
    port,
    server,
    async [Symbol.asyncDispose]() {
      following?.[Symbol.dispose]()
      stalled[Symbol.dispose]()
      await new Promise<void>((done) => {
        server.close(() => done())
        server.closeAllConnections()
      })
    },
  }
}

function timeoutsOf({ headers_ms = HEADERS_MS }: ServeOptions) {
  return {
    // The duration of a request is not limited, because an upload may have gigabytes. endStalledRequests() requires progress instead.
    requestTimeout: 0,
    keepAliveTimeout: IDLE_MS,
    headersTimeout: headers_ms,
    handshakeTimeout: headers_ms,
    connectionsCheckingInterval: headers_ms / 6,
  }
}

/**
 * Gives each request an ID: the one that the caller sent if it is valid, or a new one. The ID is in every log line of the request and in
 * the response. Bodies of refused requests are read to their end.
 */
function tracedFetch(app: HttpApp): (request: Request, bindings: unknown) => Promise<Response> {
  return async (request, given) => {
    const bindings = given as HttpBindings
    const request_id = acceptRequestId(request.headers.get(REQUEST_ID_HEADER))
    bindings.outgoing.setHeader(REQUEST_ID_HEADER, request_id)
    const response = await withLogFields({ request_id }, () => app.fetch(request, bindings))
    if (!response.ok) await discardBody(bindings.incoming)
    return response
  }
}

/** Converts any error that a handler throws to an error response in Copr's format; details of bugs are only logged. */
export function answerError(log: Logger): (error: Error, c: Context) => Response {
  return (error, c) => {
    if (error instanceof CoprError) return c.json({ error: error.message }, STATUS_OF[error.kind])
    log.error({ err: error, method: c.req.method, path: c.req.path }, 'Request failed')
    return c.json({ error: INTERNAL_ERROR }, 500)
  }
}

/** Compares two secrets in a time that reveals nothing about where they differ. */
export function sameSecret(a: string, b: string): boolean {
  return timingSafeEqual(
    createHash('sha256').update(a).digest(),
    createHash('sha256').update(b).digest(),
  )
}
