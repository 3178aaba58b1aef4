import { serveHttp } from '@copr/process/http-server'
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { openTestFrontend } from './testing/test-frontend.ts'

const LIMIT_MS = 120_000
const HOST = 'Host: copr.example.org'

/**
 * Requests that no HTTP library would send. `isClosed` means that the client closes the connection before the request is complete, and gets
 * no response.
 */
const REQUESTS: [what: string, request: string, isClosed?: true][] = [
  ['an escape that is not UTF-8', `GET /coprs/%ff%zz/ HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['bytes that are not UTF-8', `GET /coprs/\xff\xfe/ HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['a NUL character in the path', `GET /coprs/\0/ HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['".." in the path', `GET /static/../../../etc/passwd HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['two leading slashes', `GET //evil.example.org/%2e%2e HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['the URL of another site', `GET http://evil.example.org/ HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['no path', `GET * HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['no Host header', 'GET / HTTP/1.1\r\n\r\n'],
  ['an invalid Host header', 'GET / HTTP/1.1\r\nHost: <a b>/%\r\n\r\n'],
  ['an unknown method', `BREW /api_3/ HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['a forbidden method', `TRACE / HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['an unsupported version', `GET / HTTP/0.9\r\n${HOST}\r\n\r\n`],
  ['bytes that are not HTTP', 'hello\r\n\r\n'],
  ['a header of 100 KB', `GET / HTTP/1.1\r\n${HOST}\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`],
  ['a path of 100 KB', `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n${HOST}\r\n\r\n`],
  [
    'a negative Content-Length',
    `POST /api_3/api-token HTTP/1.1\r\n${HOST}\r\nContent-Length: -1\r\n\r\n`,
  ],
  [
    'both Content-Length and Transfer-Encoding',
    `POST /api_3/api-token HTTP/1.1\r\n${HOST}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    'an invalid chunk size',
    `POST /login/ HTTP/1.1\r\n${HOST}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
  ],
  [
    'a truncated body',
    `POST /login/ HTTP/1.1\r\n${HOST}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nusername=a`,
    true,
  ],
]

const t = await openTestFrontend()
const server = await serveHttp(t.app, { host: '127.0.0.1', port: 0 })
after(async () => {
  await server[Symbol.asyncDispose]()
  await t[Symbol.asyncDispose]()
})

for (const [what, request, isClosed = false] of REQUESTS)
  test(`a request with ${what} is refused or answered, and the server keeps running`, async () => {
    const answer = await exchange(request, isClosed)
    if (!isClosed) assert.match(answer, /^HTTP\/1\.1 [234]\d\d /, answer.slice(0, 300))
    const { status } = await fetch(`http://127.0.0.1:${server.port}/api_3/`)
    assert.equal(status, 200)
  })

/** Sends bytes and returns all received bytes; with `isClosed`, closes the connection in the middle of the request. */
async function exchange(request: string, isClosed: boolean): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connect(server.port, '127.0.0.1')
  const timer = setTimeout(() => {
    reject(new Error(`No answer within ${LIMIT_MS} ms`))
    socket.destroy()
  }, LIMIT_MS)
  let received = ''
  socket.on('data', (bytes) => {
    received += bytes.toString('latin1')
    // The server may keep the connection open for another request.
    if (/\r\n\r\n/.test(received)) socket.end()
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    clearTimeout(timer)
    resolve(received)
  })
  socket.write(Buffer.from(request, 'latin1'), () => {
    if (isClosed) socket.destroy()
  })
  return await promise
}
