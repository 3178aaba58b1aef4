import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type RequestListener,
} from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { addressRules } from './address-rules.ts'
import { serveGuardedProxy } from './guarded-proxy.ts'

const rules = addressRules(['127.0.0.1/32'])

async function start(t: TestContext, options: { idle_seconds?: number; max_bytes?: number } = {}) {
  const refused: string[] = []
  const proxy = await serveGuardedProxy({
    rules,
    onRefused: (reason) => refused.push(reason),
    ...options,
  })
  t.after(() => proxy[Symbol.asyncDispose]())
  const port = Number(new URL(proxy.url).port)
  return { refused, port }
}

async function listen(t: TestContext, answer: RequestListener, host = '127.0.0.1') {
  const server = createServer(answer).listen(0, host)
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function ask(port: number, path: string, method = 'GET') {
  const sent = httpRequest({ host: '127.0.0.1', port, path, method, agent: false }).end()
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: answer.statusCode, location: answer.headers.location, body: await text(answer) }
}

/** Sends CONNECT to a proxy; returns the status of the response, and the socket of the tunnel. */
async function tunnel(port: number, target: string): Promise<{ status: string; socket: Socket }> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)
  const [head] = (await once(socket, 'data')) as [Buffer]
  return { status: head.toString('latin1').split(' ')[1] ?? '', socket }
}

test('the proxy passes on requests to allowed addresses, and returns redirects to the client', async (t) => {
  const { port, refused } = await start(t)
  const site = await listen(t, (request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: 'http://127.0.0.2/' }).end()
    else
      response.end(`${request.headers.host} ${String(request.headers['proxy-connection'] ?? '-')}`)
  })
  const { status, body } = await ask(port, `http://127.0.0.1:${site}/a?b`)
  assert.deepEqual({ status, body }, { status: 200, body: `127.0.0.1:${site} -` })
  const moved = await ask(port, `http://127.0.0.1:${site}/moved`)
  assert.deepEqual([moved.status, moved.location], [302, 'http://127.0.0.2/'])
  assert.deepEqual(refused, [])
})

for (const [path, status, method] of [
  ['http://127.0.0.2/', 403, 'GET'],
  ['http://[::1]/', 403, 'GET'],
  ['http://2130706434/', 403, 'GET'],
  ['http://[::ffff:127.0.0.2]/', 403, 'GET'],
  ['http://169.254.169.254/latest/meta-data/', 403, 'GET'],
  ['ftp://127.0.0.1/', 400, 'GET'],
  ['file:///etc/passwd', 400, 'GET'],
  ['https://127.0.0.1/', 400, 'GET'],
  ['/', 400, 'GET'],
  ['http://127.0.0.1/', 400, 'POST'],
] as const)
  test(`the proxy refuses ${method} ${path} with ${status} and the reason`, async (t) => {
    const { port, refused } = await start(t)
    const answer = await ask(port, path, method)
    assert.equal(answer.status, status)
    assert.equal(refused.length, 1)
    assert.equal(answer.body, `${refused[0]}\n`)
  })

test('the proxy connects tunnels to allowed addresses only', async (t) => {
  const { port, refused } = await start(t)
  const echo = createTcpServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  t.after(() => echo.close())
  const { status, socket } = await tunnel(port, `127.0.0.1:${(echo.address() as AddressInfo).port}`)
  assert.equal(status, '200')
  socket.write('hello')
  const [back] = (await once(socket, 'data')) as [Buffer]
  assert.equal(back.toString(), 'hello')
  socket.destroy()
  for (const [target, want] of [
    ['127.0.0.2:443', '403'],
    ['[::1]:443', '403'],
    ['0x7f.2:443', '403'],
    ['localhost.:443', '403'],
    ['user@127.0.0.1:443', '400'],
    ['127.0.0.1/x:443', '400'],
    ['127.0.0.1', '400'],
    ['127.0.0.1:1', '502'],
  ] as const) {
    const answer = await tunnel(port, target)
    assert.equal(answer.status, want, target)
    answer.socket.destroy()
  }
  assert.equal(refused.length, 8)
})

test('the proxy aborts responses that are too long', async (t) => {
  const { port, refused } = await start(t, { max_bytes: 1000 })
  const site = await listen(t, (_, response) => response.end(Buffer.alloc(1_000_000)))
  await assert.rejects(ask(port, `http://127.0.0.1:${site}/`))
  assert.match(refused.join(), /is longer than 1000 bytes$/)
})
