import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import { messageOf } from '@copr/process/errors'
import type { Logger } from '@copr/process/log'
import { endStalledRequests, PROGRESS_LIMITS } from '@copr/process/stalled-requests'

/** A path prefix and the URL of the server that handles requests under it. */
export interface Behind {
  path: string
  url: string
}

/** Creates a server that passes each request to the target with the longest matching path prefix. Bodies are streamed. */
export function reverseProxy(to: Behind[], log: Logger): Server {
  const longestFirst = to.toSorted((a, b) => b.path.length - a.path.length)
  const server = createServer((from, answer) => {
    // The path is neither decoded nor parsed as a URL here: the component rejects invalid targets.
    const [pathname = '/'] = (from.url ?? '/').split('?')
    const found = longestFirst.find(({ path }) => isBelow(pathname, path))
    if (found) pass(from, answer, { url: found.url, log })
    else answer.writeHead(404).end(`Not found: ${pathname}\n`)
  })
  // An upload of several gigabytes, or a log that is being followed, may take any time as long as data keeps flowing.
  server.requestTimeout = 0
  server.headersTimeout = 30_000
  endStalledRequests(server, PROGRESS_LIMITS)
  return server
}

function isBelow(pathname: string, path: string): boolean {
  return path === '/' || pathname === path || pathname.startsWith(`${path}/`)
}

function pass(
  from: IncomingMessage,
  answer: ServerResponse,
  { url, log }: { url: string; log: Logger },
): void {
  const { method, url: path, headers, socket } = from
  const before = headers['x-forwarded-for']
  const forwarded = [...(before === undefined ? [] : [before]), socket.remoteAddress ?? '']
  const onward = request(
    new URL(url),
    { method, path, headers: { ...headers, 'x-forwarded-for': forwarded.join(', ') } },
    (given) => {
      answer.writeHead(given.statusCode ?? 502, given.statusMessage, given.rawHeaders)
      given.pipe(answer)
      given.on('error', () => answer.destroy())
    },
  )
  onward.on('error', (error) => {
    if (answer.headersSent || answer.destroyed) return void answer.destroy()
    log.warn({ url, reason: messageOf(error) }, 'Cannot forward a request')
    answer.writeHead(502, { 'content-type': 'application/json', 'retry-after': '2' })
    answer.end(JSON.stringify({ error: 'This component is unreachable; retry in a moment' }))
  })
  answer.on('close', () => onward.destroy())
  from.pipe(onward)
}
