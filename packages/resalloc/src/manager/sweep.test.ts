import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Listed } from '../providers/provider.ts'
import { ManagerFixture } from '../testing/manager-fixture.ts'

test('a resource that belongs to a pool rather than a machine stays until it expires', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: {} })
  const listed = (provider_id: string, expires_at?: Date): Listed => ({
    kind: 'machine',
    provider_id,
    machine_id: undefined,
    pool: 'p',
    created_at: w.now,
    expires_at,
    state: 'running',
    data: {},
  })
  const things = [
    listed('of the pool'),
    listed('an image is made of it', new Date(w.now.getTime() + 1_800_000)),
  ]
  const removed = new Set<string>()
  w.overrides.set('p', {
    async *list() {
      await Promise.resolve()
      yield* things
    },
    remove: async ({ provider_id }) => void removed.add(provider_id),
  })
  await w.pass(1500, 60)
  assert.deepEqual([...removed], [])
  await w.pass(900, 60)
  assert.deepEqual([...removed], ['an image is made of it'])
})
