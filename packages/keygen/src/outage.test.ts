import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { keygenClient } from '@copr/keygen-client/keygen-client'
import { startEmbeddedPostgres } from '@copr/testkit/postgres'
import pg from 'pg'
import { scratchFolder, startKeygen } from './testing.ts'

test('keygen responds with 503 after PostgreSQL is killed, and uses the restarted server at once', async () => {
  await using folder = await scratchFolder()
  // This server does not run as `unsafe`, because committed data must survive the SIGKILL.
  const server = { dir: join(folder.path, 'postgres'), password: 'test' }
  const first = await startEmbeddedPostgres(server)
  await using keygen = await startKeygen({ database_url: first.url, dir: folder.path })
  const request = { owner: 'someone', project: 'thing', algorithm: 'ed25519' as const }
  const key = await keygen.client.makeKey(request)

  // One request waits for a lock, so its connection breaks in the middle of a query; the other connections are idle. A separate connection
  // watches for the wait, because pg_stat_activity does not change within a transaction.
  const [locker, watcher] = [new pg.Client(first.url), new pg.Client(first.url)]
  for (const client of [locker, watcher]) {
    client.on('error', () => {})
    await client.connect()
  }
  await locker.query('begin')
  await locker.query('lock table keygen.key')
  const caught = assert.rejects(keygen.client.makeKey(request), { kind: 'unavailable' })
  const waiting = `select 1 from pg_stat_activity where application_name = 'keygen' and wait_event_type = 'Lock'`
  while ((await watcher.query(waiting)).rowCount === 0);
  const [pid = ''] = (await readFile(join(server.dir, 'data', 'postmaster.pid'), 'utf8')).split(
    '\n',
  )
  process.kill(Number(pid), 'SIGKILL')
  await first.ended
  await caught

  await assert.rejects(keygen.client.publicKey('someone', 'thing'), {
    kind: 'unavailable',
    message: 'Cannot reach the key table: try again later',
  })
  assert.equal((await fetch(`${keygen.url}/health`)).status, 503)

  await using second = await startEmbeddedPostgres(server)
  assert.equal(second.url, first.url)
  assert.deepEqual(await keygen.client.publicKey('someone', 'thing'), key)
})

test('the error from a client that cannot reach keygen contains the address', async () => {
  const client = keygenClient({ url: 'http://127.0.0.1:1/', secret: 'x' })
  await assert.rejects(client.publicKey('a', 'b'), {
    kind: 'unavailable',
    message: 'Cannot reach keygen at http://127.0.0.1:1',
  })
})
