import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Hono } from 'hono'
import { serveHttp } from './http-server.ts'

const app = new Hono()
app.post('/', async (c) => c.text(String((await c.req.arrayBuffer()).byteLength)))
app.get('/', (c) => c.text('ok'))

const QUICK = { window_ms: 200, min_bytes: 100, reader_ms: 60_000 }
const POST = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\n'

async function begun(port: number, ...sent: string[]): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  for (const each of sent) socket.write(each)
  return socket
}

/** Returns all that is received until the connection is closed, even by an error. */
async function received(socket: Socket): Promise<string> {
  let answer = ''
  socket.setEncoding('utf8').on('data', (text: string) => void (answer += text))
  // once() of node:events is not used, because it would reject if the server closes the connection while the client is still writing.
  await new Promise((resolve) => socket.once('close', resolve))
  return answer
}

test('serveHttp() aborts a request whose body stalls', { timeout: 20_000 }, async () => {
  await using server = await serveHttp(app, { host: '127.0.0.1', port: 0, progress: QUICK })
  const socket = await begun(server.port, POST, 'half')
  assert.match(await received(socket), /^HTTP\/1\.1 408 [^]*arrived too slowly/)
})

test('serveHttp() aborts a request whose body is too slow', { timeout: 20_000 }, async () => {
  await using server = await serveHttp(app, { host: '127.0.0.1', port: 0, progress: QUICK })
  const socket = await begun(server.port, POST)
  const drops = setInterval(() => socket.write('x'), 20)
  socket.once('close', () => clearInterval(drops))
  assert.match(await received(socket), /^HTTP\/1\.1 408 /)
})

test(
  'serveHttp() accepts a body that keeps making progress, however long it takes',
  { timeout: 60_000 },
  async () => {
    const progress = { ...QUICK, window_ms: 600, min_bytes: 1 }
    await using server = await serveHttp(app, { host: '127.0.0.1', port: 0, progress })
    const socket = await begun(server.port, POST)
    const answer = received(socket)
    // The body takes three windows, and enough bytes arrive in each.
    for (let i = 0; i < 20; i++) {
      socket.write('x'.repeat(100))
      await sleep(100)
    }
    socket.end()
    assert.match(await answer, /^HTTP\/1\.1 200 [^]*2000/)
  },
)

test(
  'serveHttp() does not blame a client for a handler that reads slowly',
  { timeout: 60_000 },
  async () => {
    const slow = new Hono()
    const { promise, resolve } = Promise.withResolvers<void>()
    slow.post('/', async (c) => {
      await promise
      return c.text(String((await c.req.arrayBuffer()).byteLength))
    })
    await using server = await serveHttp(slow, { host: '127.0.0.1', port: 0, progress: QUICK })
    const body = 'x'.repeat(8_000_000)
    const answer = fetch(`http://127.0.0.1:${server.port}/`, { method: 'POST', body })
    await sleep(5 * QUICK.window_ms)
    resolve()
    assert.equal(await (await answer).text(), '8000000')
  },
)

for (const [what, sent] of [
  ['nothing', ''],
  ['half of the headers', 'GET / HTTP/1.1\r\nHost: localhost\r\n'],
] as const)
  test(`serveHttp() closes a connection that sends ${what}`, { timeout: 20_000 }, async () => {
    await using server = await serveHttp(app, { host: '127.0.0.1', port: 0, headers_ms: 300 })
    const socket = await begun(server.port, sent)
    assert.match(await received(socket), /^(HTTP\/1\.1 408 |$)/)
  })

test('serveHttp() limits the number of connections from one address, but not from a trusted proxy', async () => {
  const limits = { host: '127.0.0.1', port: 0, max_connections_per_address: 2 }
  await using server = await serveHttp(app, { ...limits, trusted_proxies: [] })
  const first = await begun(server.port)
  const second = await begun(server.port)
  const third = await begun(server.port)
  assert.match(await received(third), /^HTTP\/1\.1 429 [^]*Retry-After: \d+/)
  first.destroy()
  second.destroy()
  await using other = await serveHttp(app, limits)
  const open = await Promise.all(Array.from({ length: 5 }, () => begun(other.port)))
  assert.equal((await fetch(`http://127.0.0.1:${other.port}/`)).status, 200)
  for (const each of open) each.destroy()
})

test('serveHttp() keeps idle connections open for longer than proxies reuse them', async () => {
  await using server = await serveHttp(app, { host: '127.0.0.1', port: 0 })
  const response = await fetch(`http://127.0.0.1:${server.port}/`)
  const seconds = /timeout=(\d+)/.exec(response.headers.get('keep-alive') ?? '')?.[1]
  assert.ok(Number(seconds) > 60, `timeout=${seconds}`)
})
