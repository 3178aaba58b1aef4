import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { addressRules, ANY_ADDRESS } from './address-rules.ts'
import { guardedFetch, guardedPost } from './guarded-fetch.ts'
import { type Resolve, UrlError } from './guarded-lookup.ts'

const { signal } = new AbortController()
const PRIVATE = /resolves to a private address, which is not allowed$/

/** Starts a server on a loopback address, which represents the internet (127.0.0.1) or the private network (127.0.0.2). */
async function listen(t: TestContext, host: string, answer: RequestListener): Promise<number> {
  const server = createServer(answer).listen(0, host)
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

const rules = addressRules(['127.0.0.1/32'])

for (const url of [
  'http://127.0.0.1:1/',
  'http://[::1]:1/',
  'http://localhost:1/',
  'http://2130706433/',
  'http://0x7f.1/',
  'http://017700000001/',
  'http://[::ffff:7f00:1]/',
  'http://[64:ff9b::127.0.0.1]/',
  'https://169.254.169.254/latest/meta-data/',
])
  test(`guardedFetch() refuses ${url}`, async () => {
    const refused = guardedFetch(url, { rules: addressRules(false), signal })
    await assert.rejects(
      refused,
      (error) => error instanceof UrlError && PRIVATE.test(error.message),
    )
  })

test('guardedFetch() checks the address of every redirect', async (t) => {
  let requests = 0
  const inside = await listen(t, '127.0.0.2', (_, response) => {
    requests++
    response.end('secret')
  })
  for (const location of [`http://127.0.0.2:${inside}/`, `//127.0.0.2:${inside}/x`]) {
    const outside = await listen(t, '127.0.0.1', (_, response) =>
      response.writeHead(302, { location }).end(),
    )
    await assert.rejects(
      guardedFetch(`http://127.0.0.1:${outside}/`, { rules, signal }),
      (error) => error instanceof UrlError && PRIVATE.test(error.message),
    )
  }
  assert.equal(requests, 0)
})

test('guardedFetch() connects to the address that it checked, even if the name resolves to another one later', async (t) => {
  const answers: string[] = []
  // A name server that returns an allowed address for the first query, and a private one for later queries.
  const resolve: Resolve = (_host, _options, callback) => {
    const address = answers.length === 0 ? '127.0.0.1' : '127.0.0.2'
    answers.push(address)
    callback(null, [{ address, family: 4 }])
  }
  const outside = await listen(t, '127.0.0.1', (request, response) =>
    response.end(request.headers.host),
  )
  const inside = await listen(t, '127.0.0.2', (_, response) => response.end('secret'))
  const at = (port: number): Promise<Response> =>
    guardedFetch(`http://rebinding.example:${port}/`, { rules, signal, resolve })
  assert.equal(await (await at(outside)).text(), `rebinding.example:${outside}`)
  assert.deepEqual(answers, ['127.0.0.1'])
  await assert.rejects(at(inside), PRIVATE)
})

test('guardedFetch() refuses a name with one private address among public ones', async () => {
  const resolve: Resolve = (_host, _options, callback) =>
    callback(
      null,
      ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 })),
    )
  await assert.rejects(guardedFetch('http://both.example/', { rules, signal, resolve }), PRIVATE)
})

test('guardedFetch() follows five redirects and no more', async (t) => {
  const port = await listen(t, '127.0.0.1', (request, response) => {
    const left = Number(request.url?.slice(1))
    if (left === 0) response.end('here')
    else response.writeHead(302, { location: `/${left - 1}` }).end()
  })
  const at = (path: string): Promise<Response> =>
    guardedFetch(`http://127.0.0.1:${port}${path}`, { rules, signal })
  assert.equal(await (await at('/5')).text(), 'here')
  await assert.rejects(at('/6'), /redirects more than 5 times$/)
})

test('guardedFetch() limits the size of the body and the time until it receives the headers', async (t) => {
  const endless = await listen(t, '127.0.0.1', (_, response) => {
    const more = (): void =>
      void response.write(Buffer.alloc(10_000), (error) => error || setImmediate(more))
    more()
  })
  const long = await guardedFetch(`http://127.0.0.1:${endless}/`, {
    rules: ANY_ADDRESS,
    signal,
    max_bytes: 50_000,
  })
  await assert.rejects(long.arrayBuffer(), /is longer than 50000 bytes$/)
  const silent = await listen(t, '127.0.0.1', () => undefined)
  await assert.rejects(
    guardedFetch(`http://127.0.0.1:${silent}/`, { rules, signal, connect_seconds: 0.2 }),
    /did not answer within 0.2 seconds$/,
  )
})

for (const [url, want] of [
  ['file:///etc/passwd', /use http or https$/],
  ['ftp://127.0.0.1/', /use http or https$/],
  ['nonsense', /is not a URL$/],
  ['http://name.invalid/', /the host of http:\/\/name.invalid\/ is unknown$/],
] as const)
  test(`guardedFetch() explains why it refuses ${url}`, async () => {
    await assert.rejects(guardedFetch(url, { rules, signal }), want)
  })

test('guardedPost() sends the given headers and body, and returns a redirect instead of following it', async (t) => {
  const received: string[] = []
  const port = await listen(t, '127.0.0.1', (request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      received.push(`${request.method} ${request.url} ${request.headers.authorization} ${body}`)
      response.writeHead(307, { location: 'http://127.0.0.2/' }).end()
    })
  })
  const sent = { headers: { authorization: 'token x' }, body: '{"a":1}', rules, signal }
  const response = await guardedPost(`http://127.0.0.1:${port}/hook`, sent)
  assert.equal(response.status, 307)
  assert.deepEqual(received, ['POST /hook token x {"a":1}'])
  await assert.rejects(guardedPost('http://127.0.0.2/', sent), PRIVATE)
})
