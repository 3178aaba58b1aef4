import { makeLog, silentLog } from '@copr/process/log'
import { Hono } from 'hono'
import assert from 'node:assert/strict'
import test from 'node:test'
import { streamList } from './stream-list.ts'

const META = { limit: null, offset: 0, order: 'id', order_type: 'ASC' as const }

for (const parts of [[], [[]], [[1]], [[1, 2], [3]], [[], [1], [], [2, 3]], [[1], []]])
  test(`streamList() makes one JSON document of ${JSON.stringify(parts)}`, async () => {
    async function* reading(): AsyncGenerator<number[]> {
      yield* parts
    }
    const app = new Hono().get('/', (c) =>
      streamList(c, { parts: reading(), meta: META, log: silentLog() }),
    )
    const response = await app.request('/')
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'application/json')
    assert.deepEqual(await response.json(), { items: parts.flat(), meta: META })
  })

test('streamList() passes on an error that occurs before the first items, so that the client gets an error response', async () => {
  async function* failing(): AsyncGenerator<number[]> {
    yield* []
    throw new Error('no database')
  }
  const app = new Hono()
    .get('/', (c) => streamList(c, { parts: failing(), meta: META, log: silentLog() }))
    .onError((error, c) => c.text(error.message, 500))
  const response = await app.request('/')
  assert.equal(response.status, 500)
  assert.equal(await response.text(), 'no database')
})

test('streamList() logs an error that occurs after the first items, and aborts the response, so that the list does not look complete', async () => {
  async function* failing(): AsyncGenerator<number[]> {
    yield [1]
    throw new Error('the database is unreachable')
  }
  const lines: string[] = []
  const log = makeLog('test', { write: (line) => void lines.push(line) })
  const app = new Hono().get('/', (c) => streamList(c, { parts: failing(), meta: META, log }))
  await assert.rejects((await app.request('/')).text(), /the database is unreachable/)
  assert.match(lines.join(''), /the database is unreachable/)
})

test('streamList() reads only as fast as the client, and stops when the client disconnects', async () => {
  let read = 0
  let ended = false
  async function* counting(): AsyncGenerator<number[]> {
    try {
      for (;;) yield [++read]
    } finally {
      ended = true
    }
  }
  const app = new Hono().get('/', (c) =>
    streamList(c, { parts: counting(), meta: META, log: silentLog() }),
  )
  const body = (await app.request('/')).body?.getReader()
  for (let taken = 0; taken < 5; taken++) await body?.read()
  assert.ok(read <= 6, `${read} parts were read for 5 pieces`)
  await body?.cancel()
  assert.ok(ended)
})
