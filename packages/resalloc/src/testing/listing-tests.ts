import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stopOrder } from './orders.ts'
import type { ProviderFixture } from './provider-fixture.ts'
import { can, deadline, succeeded, SuitePool } from './suite-pool.ts'

export function listings(fixture: () => ProviderFixture): void {
  test('list() returns everything that belongs to this installation, and nothing that belongs to another', async () => {
    await using mine = new SuitePool(fixture())
    await using mine_too = new SuitePool(fixture(), { ...mine.owner, pool: 'pool_b' })
    await using foreign = new SuitePool(fixture())
    await mine.startNew(1)
    await mine_too.startNew(2)
    await foreign.startNew(3)
    const [account, other] = [await mine.provider(), await mine_too.provider()].map(
      (provider) => provider.account,
    )
    const is_shared = account !== undefined && account === other
    const seen = (await mine.machines()).map(({ machine_id, pool }) => `${machine_id} in ${pool}`)
    assert.deepEqual(
      seen.toSorted().filter((each) => is_shared || each.startsWith('1 ')),
      is_shared ? ['1 in pool_a', '2 in pool_b'] : ['1 in pool_a'],
    )
    assert.ok((await mine.list()).every(({ machine_id }) => machine_id !== 3))
    assert.ok(
      (await foreign.list()).every(({ machine_id }) => machine_id !== 1 && machine_id !== 2),
    )
  })

  test('list() shows machines started before the call, even during another listing', async () => {
    await using pool = new SuitePool(fixture())
    const provider = await pool.provider()
    const running = Array.fromAsync(provider.list(deadline()))
    const { provider_id } = succeeded(await provider.start(await pool.order(1), deadline()))
    const after_start = await Array.fromAsync(provider.list(deadline()))
    assert.ok(after_start.some((each) => each.provider_id === provider_id))
    await running
    await provider.stop(stopOrder(await pool.order(1)), deadline())
  })

  test('list() does not show an ended machine as running', async () => {
    await using pool = new SuitePool(fixture())
    const { provider_id } = await pool.startNew(1)
    await fixture().endMachine(provider_id)
    assert.deepEqual(await pool.machines(), [])
  })

  test('list() throws if the listing is incomplete', async (t) => {
    const breakNext = can(t, fixture().breakNextListing)
    if (!breakNext) return
    await using pool = new SuitePool(fixture())
    await pool.startNew(1)
    breakNext()
    await assert.rejects(pool.list())
    assert.equal((await pool.machines()).length, 1)
  })

  test('remove() removes resources that no machine in the tables owns, and is idempotent', async () => {
    await using pool = new SuitePool(fixture())
    await pool.startNew(1)
    const kept = await pool.startNew(2)
    const orphans = (await pool.list()).filter(({ machine_id }) => machine_id === 1)
    assert.ok(orphans.length > 0)
    for (const orphan of [...orphans, ...orphans])
      await (await pool.provider()).remove(orphan, deadline())
    assert.deepEqual(
      (await pool.machines()).map(({ provider_id }) => provider_id),
      [kept.provider_id],
    )
  })

  test('every created resource is tagged with its owner', async () => {
    await using pool = new SuitePool(fixture())
    await pool.startNew(1)
    const owners = await fixture().owners()
    assert.ok(owners.length > 0)
    assert.ok(owners.every((owner) => owner !== undefined))
    const { installation_id } = pool.owner
    assert.ok(
      owners.some((each) => each?.installation_id === installation_id && each.machine_id === 1),
    )
  })

  test('all resources of a pool are removed when its machines and the pool are removed', async () => {
    const pool = new SuitePool(fixture())
    await pool.startNew(1)
    await pool[Symbol.asyncDispose]()
    assert.deepEqual(
      (await pool.list()).filter(({ state }) => state === 'running' || state === 'starting'),
      [],
    )
    assert.ok(
      (await fixture().owners()).every(
        (each) => each?.installation_id !== pool.owner.installation_id,
      ),
    )
  })
}
