import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PoolsFile } from '@copr/contract/pools/pools-file'
import { silentLog } from '@copr/process/log'
import type { Provider } from './providers/provider.ts'
import { leftovers, reap } from './reap.ts'
import { fakeCloud } from './testing/fake-cloud.ts'
import { startOrder } from './testing/orders.ts'
import { deadline } from './testing/suite-pool.ts'

const now = (): Date => new Date('2026-11-25T12:00:00Z')
const script = { arches: ['x86_64'], cmd_new: 'true', cmd_delete: 'true' }
const POOLS = PoolsFile.parse({
  a: script,
  b: script,
  here: { provider: 'local', arches: ['x86_64'] },
})

/** Opens a cloud that contains two machines of ours, in two pools of one account, and one machine of another installation. */
async function fixture(wrap: (provider: Provider) => Provider = (provider) => provider) {
  const cloud = fakeCloud({ now })
  for (const [installation_id, pool, id] of [
    ['mine', 'a', 1],
    ['mine', 'b', 2],
    ['other', 'a', 3],
  ] as const) {
    const provider = cloud.provider({ installation_id })
    const [offering] = provider.offerings()
    assert.ok(offering)
    await provider.start(startOrder({ installation_id, pool }, id, offering), deadline())
  }
  const running = (): number[] =>
    cloud.machines().flatMap(({ state, machine_id }) => (state === 'running' && machine_id) || [])
  const options = {
    pools: POOLS,
    installation_id: 'mine',
    makeProvider: (_config: unknown, context: { installation_id: string }) =>
      wrap(cloud.provider(context)),
    log: silentLog(),
    now,
    between_rounds_ms: 0,
  }
  return { cloud, options, running }
}

test('leftovers() lists each machine of the installation once, and skips pools of local processes', async () => {
  const { options } = await fixture()
  const { found, unasked } = await leftovers(options)
  assert.deepEqual(
    found.map(({ listed, pool }) => [listed.machine_id, pool]),
    [
      [1, 'a'],
      [2, 'b'],
    ],
  )
  assert.deepEqual(unasked, [])
})

test('reap() removes everything that belongs to the installation, and nothing that belongs to another', async () => {
  const { options, running } = await fixture()
  assert.deepEqual(await reap(options), { left: [] })
  assert.deepEqual(running(), [3])
})

test('reap() retries failed removals, and reports what remains', async () => {
  let refusals = 2
  const wrap = (provider: Provider): Provider => ({
    ...provider,
    remove: async (listed, signal) => {
      if (listed.machine_id === 1 && refusals-- > 0) throw new Error('It is in use')
      await provider.remove(listed, signal)
    },
  })
  const { options, running } = await fixture(wrap)
  assert.deepEqual(await reap(options), { left: [] })
  assert.deepEqual(running(), [3])

  refusals = Infinity
  const stubborn = await fixture(wrap)
  const { left } = await reap(stubborn.options)
  assert.deepEqual(left, ['machine fake-1 of a: It is in use'])
  assert.deepEqual(stubborn.running(), [1, 3])
})

test('leftovers() reports a cloud that cannot be listed instead of treating it as empty', async () => {
  const { cloud, options } = await fixture()
  cloud.fail({ kind: 'break_listing' })
  // The other pool lists the same account successfully.
  const { found, unasked } = await leftovers(options)
  assert.equal(found.length, 2)
  assert.deepEqual(unasked, ['a: The cloud aborted its response'])
})
