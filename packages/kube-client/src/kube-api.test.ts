import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { type KubeApi, kubeApi, KubeError } from './kube-api.ts'

const POD = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', namespace: 'copr' } }

interface Received {
  method: string | undefined
  url: string | undefined
  agent: string | undefined
  body: string
}

interface Fake {
  api: KubeApi
  received: Received[]
}

/** Starts an API server that answers each request with `answer`. */
async function fake(
  t: TestContext,
  answer: (response: ServerResponse, asked: IncomingMessage) => void,
): Promise<Fake> {
  const received: Received[] = []
  const server = createServer((asked, response) => {
    void text(asked).then((body) => {
      const { method, url, headers } = asked
      received.push({ method, url, agent: headers['user-agent'], body })
      answer(response, asked)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const api = kubeApi({
    server: `http://127.0.0.1:${port}/cluster/`,
    manager: 'tester',
    options: () => Promise.resolve({}),
  })
  return { api, received }
}

const json = (code: number, body: unknown) => (response: ServerResponse) =>
  void response.writeHead(code).end(JSON.stringify(body))

test('apply() and createMissing() send the object unchanged, and name this client as the field manager', async (t) => {
  const { api, received } = await fake(t, json(200, POD))
  // No version of Kubernetes has the second field yet.
  const wanted = { ...POD, spec: { hostUsers: false, fieldOfLater: { default: 1 } } }
  await api.apply(wanted)
  await api.createMissing(wanted, { dryRun: true })
  const namespace = '/cluster/api/v1/namespaces/copr'
  assert.deepEqual(
    received.map(({ method, url, agent }) => `${method} ${url} ${agent}`),
    [
      `PATCH ${namespace}/pods/a?fieldManager=tester&force=true tester`,
      `POST ${namespace}/pods?fieldManager=tester&dryRun=All tester`,
    ],
  )
  for (const { body } of received) assert.deepEqual(JSON.parse(body), wanted)
})

test('names in request paths are percent-encoded', async (t) => {
  const { api, received } = await fake(t, json(200, {}))
  await api.remove({ ...POD, metadata: { name: '../a?b', namespace: 'c/d' } })
  assert.equal(received[0]?.url, '/cluster/api/v1/namespaces/c%2Fd/pods/..%2Fa%3Fb')
})

test('each() follows the pages of a list, and adds the fields that list items omit', async (t) => {
  const { api, received } = await fake(t, (response, { url }) => {
    const isLast = url?.includes('continue=')
    const { metadata } = POD
    const page = isLast ? { continue: '' } : { continue: 'a/b' }
    json(200, { metadata: page, items: [{ metadata }] })(response)
  })
  assert.deepEqual(await api.list('v1', 'Pod', { labelSelector: 'x=y' }), [POD, POD])
  assert.deepEqual(
    received.map(({ url }) => url),
    [
      '/cluster/api/v1/pods?labelSelector=x%3Dy&limit=500',
      '/cluster/api/v1/pods?labelSelector=x%3Dy&limit=500&continue=a%2Fb',
    ],
  )
})

test('an error contains the message, reason and Retry-After of the server', async (t) => {
  const { api } = await fake(t, (response) => {
    response.setHeader('retry-after', '7')
    json(429, { kind: 'Status', message: 'slow down', reason: 'TooManyRequests' })(response)
  })
  const error = await api.apply(POD).catch((thrown: unknown) => thrown)
  assert.deepEqual(error, new KubeError('slow down', 429, 'TooManyRequests', 7))
})

test('an error without a Status object names the request that failed', async (t) => {
  const { api } = await fake(t, (response) => void response.writeHead(502).end('no upstream'))
  await assert.rejects(api.request('GET', '/version'), {
    name: 'KubeError',
    code: 502,
    message: 'GET /version: no upstream',
    retry_seconds: undefined,
  })
})

for (const [reason, expected] of [
  ['AlreadyExists', 'resolves to undefined'],
  ['Conflict', 'throws'],
] as const)
  test(`createMissing() ${expected} if the server answers 409 ${reason}`, async (t) => {
    const { api } = await fake(t, json(409, { message: 'x', reason }))
    const outcome = await api.createMissing(POD).then(
      (created) => `resolves to ${created?.kind}`,
      () => 'throws',
    )
    assert.equal(outcome, expected)
  })

for (const [when, answer] of [
  ['before the response', () => undefined],
  ['during the response', (response: ServerResponse) => void response.write('{"kind":')],
] as const)
  test(`until() ends a request whose signal aborts ${when}`, async (t) => {
    const ending = new AbortController()
    const { api } = await fake(t, (response) => {
      answer(response)
      setImmediate(() => ending.abort(new Error('the deadline has passed')))
    })
    await assert.rejects(api.until(ending.signal).find(POD), { message: 'the deadline has passed' })
  })

test('until() sends no request after its signal has aborted', async (t) => {
  const { api, received } = await fake(t, json(200, POD))
  await assert.rejects(api.until(AbortSignal.abort()).find(POD), { name: 'AbortError' })
  assert.deepEqual(received, [])
})

test('a truncated response is reported as an unreachable cluster', async (t) => {
  const { api } = await fake(t, (response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{')
    setImmediate(() => response.destroy())
  })
  await assert.rejects(api.find(POD), {
    name: 'CoprError',
    kind: 'unavailable',
    message: `Cannot reach the cluster at ${api.server}`,
  })
})
