import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type ServerResponse,
} from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { messageOf } from '../errors.ts'
import type { AddressRules } from './address-rules.ts'
import { guardedLookup, hostOf, requireAllowedHost, UrlError } from './guarded-lookup.ts'

export interface GuardedProxy extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, for programs that support a proxy. */
  readonly url: string
}

interface ProxyOptions {
  rules: AddressRules
  /** Seconds without traffic after which a connection is closed. */
  idle_seconds?: number
  /** Maximum bytes that one connection passes on to the program. */
  max_bytes?: number
  /** Receives the reason why a URL was refused: the program itself sees only a status. */
  onRefused?: (reason: string) => void
}

/** Headers that apply to one connection and are not passed on. Source: RFC 9110 section 7.6.1. */
const HOP_BY_HOP = new Set([
  'connection',
  'proxy-connection',
  'proxy-authorization',
  'proxy-authenticate',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
const MAX_BYTES = 16 * 1024 ** 3

/**
 * Starts a forward proxy on a loopback address for programs such as dnf that fetch URLs that users supplied. It accepts GET and HEAD for
 * http, and CONNECT for https. The proxy checks each address when it connects. If a program follows a redirect, it sends a new request,
 * which is checked, too.
 */
export async function serveGuardedProxy(options: ProxyOptions): Promise<GuardedProxy> {
  const server = createServer((request, response) => pass(request, response, options))
  server.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
    tunnel(request, { socket, head }, options),
  )
  const sockets = new Set<Duplex>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      // After a CONNECT, the server no longer counts the connection as its own, so tunnels are closed here.
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

function pass(request: IncomingMessage, response: ServerResponse, options: ProxyOptions): void {
  const { rules, idle_seconds = 60, max_bytes = MAX_BYTES, onRefused } = options
  const refuse = (status: number, reason: string): void => {
    onRefused?.(reason)
    if (response.headersSent) return void response.destroy()
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${reason}\n`)
  }
  const url = URL.parse(request.url ?? '')
  if (url?.protocol !== 'http:' || !['GET', 'HEAD'].includes(request.method ?? ''))
    return refuse(400, `${(request.url ?? '').slice(0, 2000)} is not allowed: use http or https`)
  try {
    requireAllowedHost(hostOf(url), rules, url.href)
  } catch (error) {
    return refuse(403, messageOf(error))
  }
  const onward = httpRequest(
    url,
    {
      agent: false,
      method: request.method,
      headers: { ...endToEnd(request.headers), host: url.host },
      lookup: guardedLookup(rules, url.href),
      timeout: idle_seconds * 1000,
    },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.headers))
      let size = 0
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > max_bytes) onward.destroy(tooLong(url.href, max_bytes))
      })
      answer.on('error', () => response.destroy())
      answer.pipe(response)
    },
  )
  onward.on('timeout', () =>
    onward.destroy(new Error(`no data from ${url.href} for ${idle_seconds} seconds`)),
  )
  onward.on('error', (error) => refuse(error instanceof UrlError ? 403 : 502, messageOf(error)))
  response.on('close', () => onward.destroy())
  onward.end()
}

function tunnel(
  request: IncomingMessage,
  { socket, head }: { socket: Duplex; head: Buffer },
  { rules, idle_seconds = 60, max_bytes = MAX_BYTES, onRefused }: ProxyOptions,
): void {
  const refuse = (status: string, reason: string): void => {
    onRefused?.(reason)
    socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`)
  }
  const target = request.url ?? ''
  const url = URL.parse(`https://${target}`)
  if (!url || !/^[^/?#@\\]+:\d+$/.test(target))
    return refuse('400 Bad Request', `${target.slice(0, 2000)} is not a host with a port`)
  const [host, shown] = [hostOf(url), `https://${url.host}/`]
  try {
    requireAllowedHost(host, rules, shown)
  } catch (error) {
    return refuse('403 Forbidden', messageOf(error))
  }
  const onward = connect({
    host,
    port: Number(url.port || 443),
    lookup: guardedLookup(rules, shown),
  })
  let isOpen = false
  let size = 0
  onward.setTimeout(idle_seconds * 1000, () => onward.destroy())
  onward.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > max_bytes) onward.destroy(tooLong(shown, max_bytes))
  })
  onward.on('connect', () => {
    isOpen = true
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
    onward.write(head)
    socket.pipe(onward).pipe(socket)
  })
  onward.on('error', (error) => {
    if (isOpen) return void socket.destroy()
    refuse(error instanceof UrlError ? '403 Forbidden' : '502 Bad Gateway', messageOf(error))
  })
  onward.on('close', () => isOpen && socket.destroy())
  socket.on('close', () => onward.destroy())
  socket.on('error', () => onward.destroy())
}

function tooLong(shown: string, max_bytes: number): UrlError {
  return new UrlError(`${shown} is longer than ${max_bytes} bytes`)
}

function endToEnd(headers: IncomingMessage['headers']): Record<string, string | string[]> {
  const named = String(headers.connection ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
  return Object.fromEntries(
    Object.entries(headers).filter(
      (entry): entry is [string, string | string[]] =>
        entry[1] !== undefined && !HOP_BY_HOP.has(entry[0]) && !named.includes(entry[0]),
    ),
  )
}
