import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'

export interface TestProxy extends AsyncDisposable {
  readonly port: number
}

/** Starts a proxy in front of several servers. Requests are distributed round-robin; if a server is down, the next one gets its request. */
export async function openTestProxy(
  portsFor: (path: string) => number[],
  listen_port: number,
): Promise<TestProxy> {
  let turn = 0
  const server = createServer((incoming, answer) => {
    const ports = portsFor(incoming.url ?? '/')
    const first = turn++ % ports.length
    forward(incoming, answer, [...ports.slice(first), ...ports.slice(0, first)])
  })
  server.listen(listen_port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: listen_port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function forward(incoming: IncomingMessage, answer: ServerResponse, ports: number[]): void {
  const [port, ...others] = ports
  if (port === undefined) {
    answer.writeHead(502).end()
    return
  }
  const { method, url, headers } = incoming
  const further = request({ host: '127.0.0.1', port, method, path: url, headers, agent: false })
  let isConnected = false
  further.on('socket', (socket) =>
    socket.once('connect', () => {
      isConnected = true
      incoming.pipe(further)
    }),
  )
  further.on('response', (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers)
    pipeline(response, answer, () => undefined)
  })
  further.on('error', () => {
    // Once a server has received anything of the request, only the client may retry.
    if (isConnected) answer.destroy()
    else forward(incoming, answer, others)
  })
  answer.on('close', () => further.destroy())
}
