import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { test, type TestContext } from 'node:test'
import { silentLog } from '@copr/process/log'
import { selfTest } from './self-test.ts'

const NOTHING = { min_disk_mb: 0, min_memory_mb: 0, max_clock_skew_seconds: 5 }

/** Starts a gateway whose clock is `ahead` seconds ahead and that drops the first `away` connections. */
async function gateway(t: TestContext, { ahead = 0, away = 0 } = {}): Promise<string> {
  let count = 0
  const server = createServer((request, response) => {
    if (count++ < away) return void request.socket.destroy()
    response.setHeader('date', new Date(Date.now() + ahead * 1000).toUTCString())
    response.end('{}')
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function kindsOf(t: TestContext, needs: Partial<typeof NOTHING>, where = {}) {
  const { faults } = await selfTest({
    gateway_url: await gateway(t, where),
    scratch_dir: tmpdir(),
    needs: { ...NOTHING, ...needs },
    log: silentLog(),
    stop: t.signal,
  })
  // Sandbox faults depend on where the tests run, and are not tested here.
  return faults.filter(({ kind }) => kind !== 'sandbox')
}

test('selfTest() reports no faults on a suitable machine', async (t) => {
  assert.deepEqual(await kindsOf(t, {}), [])
})

for (const [kind, needs] of [
  ['disk', { min_disk_mb: 1e9 }],
  ['memory', { min_memory_mb: 1e9 }],
] as const)
  test(`selfTest() reports too little ${kind}`, async (t) => {
    const [fault] = await kindsOf(t, needs)
    assert.equal(fault?.kind, kind)
    assert.match(fault?.message ?? '', /needs 1000000000/)
  })

test("selfTest() reports a clock that differs from the gateway's", async (t) => {
  const [fault] = await kindsOf(t, {}, { ahead: 3600 })
  assert.equal(fault?.kind, 'clock')
  assert.match(fault?.message ?? '', /(3599|3600|3601) seconds behind/)
})

test('selfTest() waits until the gateway is reachable', async (t) => {
  assert.deepEqual(await kindsOf(t, {}, { away: 1 }), [])
})
