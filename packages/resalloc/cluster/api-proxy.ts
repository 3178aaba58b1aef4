import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** The fault injected into one request; requests without a fault are forwarded. */
type Fault = 'lose_answer' | 'break_answer' | { code: number; message: string }

/** A proxy in front of the API server that injects network and admission failures. */
export interface ApiProxy extends AsyncDisposable {
  readonly url: string
  /** Injects the fault into the next request whose `METHOD PATH` matches `what`. */
  fail(what: RegExp, fault: Fault): void
  /** Stops responding to requests until disposed. */
  hang(): Disposable
}

/** @param target the API server's URL, its CA, and the token of the account to use */
export async function apiProxy(target: {
  url: string
  ca: string
  token: string
}): Promise<ApiProxy> {
  const faults: { what: RegExp; fault: Fault }[] = []
  let hanging = 0
  const server = createServer((incoming, answer) => {
    void (async () => {
      const at = faults.findIndex(({ what }) => what.test(`${incoming.method} ${incoming.url}`))
      const [found] = at < 0 ? [] : faults.splice(at, 1)
      if (hanging > 0) return
      await pass(target, { incoming, answer, fault: found?.fault })
    })().catch(() => answer.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fail: (what, fault) => void faults.push({ what, fault }),
    hang: () => {
      hanging++
      return { [Symbol.dispose]: () => void hanging-- }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function pass(
  { url, ca, token }: { url: string; ca: string; token: string },
  {
    incoming,
    answer,
    fault,
  }: { incoming: IncomingMessage; answer: ServerResponse; fault: Fault | undefined },
): Promise<void> {
  const body = await buffer(incoming)
  if (typeof fault === 'object') {
    const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', ...fault }
    answer.writeHead(fault.code, { 'content-type': 'application/json' }).end(JSON.stringify(status))
    return
  }
  const headers = { ...incoming.headers, host: new URL(url).host, authorization: `Bearer ${token}` }
  const passed = httpsRequest(`${url}${incoming.url}`, { method: incoming.method, headers, ca })
  passed.end(body)
  const [response] = (await once(passed, 'response')) as [IncomingMessage]
  const content = await buffer(response)
  if (fault === 'lose_answer') return void answer.destroy()
  answer.writeHead(response.statusCode ?? 500, response.headers)
  if (fault === undefined) return void answer.end(content)
  answer.write(content.subarray(0, content.length / 2))
  answer.destroy()
}
