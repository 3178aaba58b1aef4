import { createHash, timingSafeEqual } from 'node:crypto'
import type { Server } from 'node:http'
import { type HttpBindings, serve } from '@hono/node-server'
import type { Context, MiddlewareHandler } from 'hono'
import { CoprError, STATUS_OF } from './errors.ts'
import type { Logger } from './log.ts'

export type { HttpBindings } from '@hono/node-server'

/** A Hono app, or several behind one door. */
export interface HttpApp {
  fetch(request: Request, bindings: HttpBindings): Response | Promise<Response>
}

export interface RunningServer extends AsyncDisposable {
  readonly port: number
  readonly server: Server
}

/** Answers HTTP until disposed. Port 0 takes any free one. */
export async function serveHttp(
  app: HttpApp,
  options: { host: string; port: number },
): Promise<RunningServer> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const server = serve(
    {
      fetch: (request, bindings) => app.fetch(request, bindings as HttpBindings),
      hostname: options.host,
      port: options.port,
    },
    (info) => resolve(info.port),
  ) as Server
  server.once('error', (cause: NodeJS.ErrnoException) => {
    const why =
      cause.code === 'EADDRINUSE' ? 'the port is in use by another program' : cause.message
    reject(new Error(`Cannot listen at ${options.host}:${options.port}: ${why}`))
  })
  // Uploads of gigabytes and followed logs take as long as they take; a client that sends no header does not.
  server.requestTimeout = 0
  server.headersTimeout = 30_000
  const port = await promise
  return {
    port,
    server,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((done) => {
        server.close(() => done())
        server.closeAllConnections()
      })
    },
  }
}

/** Turns whatever a handler throws into Copr's error form; details of bugs go to the log only. */
export function answerError(log: Logger): (error: Error, c: Context) => Response {
  return (error, c) => {
    if (error instanceof CoprError) return c.json({ error: error.message }, STATUS_OF[error.kind])
    log.error({ err: error, method: c.req.method, path: c.req.path }, 'Request failed')
    return c.json({ error: 'Internal error: the administrator finds the details in the log' }, 500)
  }
}

/** Lets through only who shows the secret as a bearer token. */
export function requireBearer(secret: string): MiddlewareHandler {
  return async (c, next) => {
    const shown = /^Bearer (.+)$/.exec(c.req.header('authorization') ?? '')?.[1] ?? ''
    if (!sameSecret(shown, secret))
      throw new CoprError('unauthenticated', 'Cannot answer: the bearer token is missing or wrong')
    await next()
  }
}

/** Compares two secrets in a time that tells nothing about where they differ. */
export function sameSecret(a: string, b: string): boolean {
  return timingSafeEqual(
    createHash('sha256').update(a).digest(),
    createHash('sha256').update(b).digest(),
  )
}

/** The Node request behind a Hono context, for streaming bodies. */
export function nodeRequest(c: Context): HttpBindings['incoming'] {
  return (c.env as HttpBindings).incoming
}
