import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ReceivedRequest {
  path: string
  headers: IncomingHttpHeaders
  body: string
  at: number
}

/** A server that receives webhooks and can be closed and reopened. */
export interface WebhookReceiver extends AsyncDisposable {
  readonly url: string
  readonly received: ReceivedRequest[]
  /** Returns the response to a request; for 'hang', none is sent. */
  respond: (
    request: ReceivedRequest,
  ) => { status: number; body?: string; location?: string } | 'hang'
  /** Refuses connections until `open()` is called. */
  close(): Promise<void>
  open(): Promise<void>
}

export async function webhookReceiver(): Promise<WebhookReceiver> {
  let server: Server | undefined
  let port = 0
  const receiver = {
    received: [] as ReceivedRequest[],
    respond: (): ReturnType<WebhookReceiver['respond']> => ({ status: 204 }),
  } as Pick<WebhookReceiver, 'received' | 'respond'>

  async function open(): Promise<void> {
    server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const { headers, url = '/' } = request
        const body = Buffer.concat(chunks).toString()
        const got = { path: url, headers, body, at: performance.now() }
        receiver.received.push(got)
        const answer = receiver.respond(got)
        if (answer === 'hang') return
        const location = answer.location === undefined ? {} : { location: answer.location }
        response.writeHead(answer.status, location).end(answer.body)
      })
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }

  async function close(): Promise<void> {
    if (!server?.listening) return
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }

  await open()
  return Object.assign(receiver, {
    url: `http://127.0.0.1:${port}`,
    open,
    close,
    [Symbol.asyncDispose]: close,
  })
}
