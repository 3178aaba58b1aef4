import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Hono } from 'hono'
import { CoprError } from './errors.ts'
import { answerError, serveHttp } from './http-server.ts'
import { silentLog } from './log.ts'

const app = new Hono()
app.onError(answerError(silentLog()))
app.get('/', (c) => c.text('ok'))
app.post('/unread', () => {
  throw new CoprError('unauthenticated', 'Who are you?')
})
app.post('/half-read', async (c) => {
  for await (const _ of c.req.raw.body ?? []) throw new CoprError('too_large', 'Too long')
  return c.text('ok')
})

const SIZE = 4 * 1024 * 1024

/** Sends a request and then another one over the same connection, and only then reads the responses. */
async function answersOf(port: number, head: string, body: Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.pause()
  socket.write(head)
  for (const half of [body.subarray(0, SIZE / 2), body.subarray(SIZE / 2)]) {
    await new Promise<void>((resolve, reject) =>
      socket.write(half, (error) => (error ? reject(error) : resolve())),
    )
    await sleep(700)
  }
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  let text = ''
  socket.setEncoding('utf8').on('data', (each: string) => void (text += each))
  socket.resume()
  await once(socket, 'close')
  return text
}

for (const [path, status] of [
  ['/unread', 401],
  ['/half-read', 413],
] as const)
  for (const how of ['with a Content-Length', 'in chunks'])
    test(
      `a client that sends a whole refused body ${how} to ${path} receives the response and can send its next request`,
      { timeout: 60_000 },
      async () => {
        await using server = await serveHttp(app, { host: '127.0.0.1', port: 0 })
        const isChunked = how === 'in chunks'
        const length = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${SIZE}`
        const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${length}\r\n\r\n`
        const bytes = Buffer.alloc(SIZE, 'a')
        const body = isChunked
          ? Buffer.concat([
              Buffer.from(`${SIZE.toString(16)}\r\n`),
              bytes,
              Buffer.from('\r\n0\r\n\r\n'),
            ])
          : bytes
        const text = await answersOf(server.port, head, body)
        assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} [^]*HTTP/1\\.1 200 [^]*ok$`))
      },
    )

test('a refused request ends when its client disconnects', { timeout: 20_000 }, async () => {
  await using server = await serveHttp(app, { host: '127.0.0.1', port: 0 })
  const socket = connect(server.port, '127.0.0.1')
  await once(socket, 'connect')
  const asked = once(server.server, 'request')
  socket.write('POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf')
  const [, outgoing] = await asked
  socket.destroy()
  await once(outgoing, 'close')
})
