import assert from 'node:assert/strict'
import test from 'node:test'
import { Hono } from 'hono'
import { serveHttp } from './http-server.ts'
import { makeLog } from './log.ts'
import { requestIdHeader, withLogFields } from './log-fields.ts'

test('a request id from a client is accepted, appears in every log line, and is passed on to the next component', async () => {
  const lines: Record<string, unknown>[] = []
  const log = makeLog('test', { write: (line) => void lines.push(JSON.parse(line)) })
  const app = new Hono().get('/', async (c) => {
    log.info('asked')
    return c.json(
      await withLogFields({ build_id: 12 }, async () => {
        log.info({ ticket: 'a secret' }, 'working')
        return requestIdHeader()
      }),
    )
  })
  await using server = await serveHttp(app, { host: '127.0.0.1', port: 0 })
  const ask = (headers: Record<string, string>): Promise<Response> =>
    fetch(`http://127.0.0.1:${server.port}/`, { headers })

  const mine = await ask({ 'x-request-id': 'mine-12345' })
  assert.equal(mine.headers.get('x-request-id'), 'mine-12345')
  assert.deepEqual(await mine.json(), { 'x-request-id': 'mine-12345' })
  assert.partialDeepStrictEqual(lines, [
    { msg: 'asked', request_id: 'mine-12345' },
    { msg: 'working', request_id: 'mine-12345', build_id: 12, ticket: '[Redacted]' },
  ])
  assert.equal('build_id' in (lines[0] ?? {}), false)

  for (const bad of ['', 'short', 'x'.repeat(65), 'has spaces in it', 'semi;colon-and-more']) {
    const given = (await ask({ 'x-request-id': bad })).headers.get('x-request-id') ?? ''
    assert.match(given, /^[0-9a-f]{8}-[0-9a-f-]{27}$/, bad)
  }
  log.info('outside')
  assert.equal('request_id' in (lines.at(-1) ?? {}), false)
})
