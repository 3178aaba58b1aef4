import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request, type RequestListener } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { makeLog } from '@copr/process/log'
import { type Behind, reverseProxy } from './reverse-proxy.ts'

const silent = makeLog('proxy', { write: () => undefined })

async function listening(listener: RequestListener): Promise<{ url: string } & AsyncDisposable> {
  return await started(createServer(listener))
}

async function started(
  server: ReturnType<typeof createServer>,
): Promise<{ url: string } & AsyncDisposable> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

const named = (name: string) =>
  listening((from, to) => void to.end(`${name} ${from.method} ${from.url}`))

test('reverseProxy() routes each path to its component', async () => {
  await using frontend = await named('frontend')
  await using backend = await named('backend')
  const to: Behind[] = [
    { path: '/', url: frontend.url },
    { path: '/results', url: backend.url },
  ]
  await using front = await started(reverseProxy(to, silent))
  for (const [path, want] of [
    ['/', 'frontend GET /'],
    ['/results', 'backend GET /results'],
    ['/results/a%2Fb?c=d', 'backend GET /results/a%2Fb?c=d'],
    ['/resultsx', 'frontend GET /resultsx'],
    ['/coprs/results', 'frontend GET /coprs/results'],
  ] as const)
    assert.equal(await (await fetch(front.url + path)).text(), want)
})

test('reverseProxy() also passes on request targets that are not paths', async () => {
  await using frontend = await named('frontend')
  await using front = await started(reverseProxy([{ path: '/', url: frontend.url }], silent))
  const [answer] = (await once(request(front.url, { path: '//' }).end(), 'response')) as [
    NodeJS.ReadableStream,
  ]
  assert.equal(await text(answer), 'frontend GET //')
})

test('reverseProxy() streams request and response bodies', async () => {
  await using echo = await listening((from, to) => void from.pipe(to))
  await using front = await started(reverseProxy([{ path: '/', url: echo.url }], silent))
  const sending = request(front.url, { method: 'POST' })
  sending.write('first')
  const [answer] = (await once(sending, 'response')) as [NodeJS.ReadableStream]
  const [chunk] = (await once(answer, 'data')) as [Buffer]
  assert.equal(chunk.toString(), 'first')
  sending.end('last')
  assert.equal(await text(answer), 'last')
})

test('reverseProxy() appends the client to x-forwarded-for, and preserves host, status and headers', async () => {
  await using component = await listening((from, to) => {
    to.writeHead(418, { 'x-told': from.headers['x-forwarded-for'], 'set-cookie': ['a=1', 'b=2'] })
    to.end(from.headers.host)
  })
  await using front = await started(reverseProxy([{ path: '/', url: component.url }], silent))
  const answer = await fetch(front.url, { headers: { 'x-forwarded-for': '10.9.9.9' } })
  assert.equal(answer.status, 418)
  assert.equal(answer.headers.get('x-told'), '10.9.9.9, 127.0.0.1')
  assert.deepEqual(answer.headers.getSetCookie(), ['a=1', 'b=2'])
  assert.equal(await answer.text(), new URL(front.url).host)
})

test('reverseProxy() responds with 502 if a component is unreachable, and survives a client that disconnects', async () => {
  const gone = await named('gone')
  await gone[Symbol.asyncDispose]()
  await using slow = await listening((_, to) => void to.write('begun'))
  const to = [
    { path: '/', url: gone.url },
    { path: '/slow', url: slow.url },
  ]
  await using front = await started(reverseProxy(to, silent))
  assert.equal((await fetch(front.url)).status, 502)
  const client = connect(Number(new URL(front.url).port), '127.0.0.1')
  client.write('GET /slow HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(client, 'data')
  client.destroy()
  await once(client, 'close')
  assert.equal((await fetch(front.url)).status, 502)
})
