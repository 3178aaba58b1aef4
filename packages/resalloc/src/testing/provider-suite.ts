/**
 * The contract tests that every provider must pass. They recreate the provider between any two calls: the manager may be killed at any
 * time, so nothing may depend on what a provider holds in memory.
 */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { listings } from './listing-tests.ts'
import { stopOrder } from './orders.ts'
import type { ProviderFixture } from './provider-fixture.ts'
import { can, deadline, succeeded, SuitePool } from './suite-pool.ts'

/** Maximum duration of a call that is aborted or that waits for a cloud that does not respond. */
const PROMPT_MS = 5_000

export function providerSuite(name: string, openFixture: () => Promise<ProviderFixture>): void {
  suite(`${name} is a provider:`, { timeout: 600_000 }, () => {
    let fixture: ProviderFixture
    before(async () => {
      fixture = await openFixture()
    })
    after(async () => {
      await fixture?.[Symbol.asyncDispose]()
    })
    starts(() => fixture)
    lostAnswers(() => fixture)
    failures(() => fixture)
    stops(() => fixture)
    listings(() => fixture)
    deadlines(() => fixture)
  })
}

function starts(fixture: () => ProviderFixture): void {
  test('offerings have unique names, and their names and prices are stable', async () => {
    const pool = new SuitePool(fixture())
    const first = (await pool.provider()).offerings()
    assert.ok(first.length > 0)
    assert.equal(new Set(first.map(({ name }) => name)).size, first.length)
    for (const { price_per_hour } of first) assert.ok(price_per_hour >= 0)
    assert.deepEqual((await pool.provider()).offerings(), first)
  })

  test('start() creates a machine that list() returns with its owner, token and time', async () => {
    await using pool = new SuitePool(fixture())
    const order = await pool.order(1)
    const { provider_id } = succeeded(await pool.start(order))
    const [listed, ...others] = await pool.machines()
    assert.ok(listed)
    assert.deepEqual(others, [])
    assert.equal(listed.provider_id, provider_id)
    assert.equal(listed.machine_id, 1)
    assert.equal(listed.pool, pool.owner.pool)
    if (listed.launch_token !== undefined) assert.equal(listed.launch_token, order.launch_token)
    if (listed.created_at) assert.ok(Math.abs(listed.created_at.getTime() - Date.now()) < 3_600_000)
  })

  test('start() returns data that survives a round trip through JSON', async () => {
    await using pool = new SuitePool(fixture())
    const { data } = await pool.startNew(1)
    assert.deepEqual(JSON.parse(JSON.stringify(data)), data)
  })

  test('start() with the same token returns the same machine', async () => {
    await using pool = new SuitePool(fixture())
    const order = await pool.order(1)
    const first = succeeded(await pool.start(order))
    const again = succeeded(await pool.start(order))
    assert.deepEqual(again, first)
    assert.equal((await pool.machines()).length, 1)
  })

  test('concurrent start() calls with the same token create one machine', async () => {
    await using pool = new SuitePool(fixture())
    const order = await pool.order(1)
    const outcomes = await Promise.all([1, 2, 3].map(async () => await pool.start(order)))
    const [machine, ...others] = await pool.machines()
    assert.ok(machine)
    assert.deepEqual(others, [])
    // Some clouds refuse concurrent calls, which have to be retried.
    assert.ok(outcomes.some(({ ok }) => ok))
    for (const outcome of outcomes)
      if (outcome.ok) assert.equal(outcome.provider_id, machine.provider_id)
      else assert.equal(outcome.failure, 'unknown')
    assert.equal(succeeded(await pool.start(order)).provider_id, machine.provider_id)
  })

  test('start() with different tokens creates different machines', async () => {
    await using pool = new SuitePool(fixture())
    const started = await Promise.all([1, 2, 3].map(async (id) => await pool.startNew(id)))
    assert.equal(new Set(started.map(({ provider_id }) => provider_id)).size, 3)
    assert.deepEqual(
      new Set((await pool.machines()).map(({ machine_id }) => machine_id)),
      new Set([1, 2, 3]),
    )
  })

  for (const how of ['stopped', 'terminated by itself'] as const)
    test(`start() with the token of a machine that was ${how} fails with token_spent, and creates no machine`, async () => {
      await using pool = new SuitePool(fixture())
      const order = await pool.order(1)
      const started = succeeded(await pool.start(order))
      if (how === 'stopped') await pool.stop(order, started)
      else await fixture().endMachine(started.provider_id)
      const again = await pool.start(order)
      assert.equal(again.ok ? 'started' : again.failure, 'token_spent')
      assert.deepEqual(await pool.machines(), [])
      const other = { ...order, launch_token: `${order.launch_token}-2` }
      assert.notEqual(succeeded(await pool.start(other)).provider_id, started.provider_id)
    })
}

function lostAnswers(fixture: () => ProviderFixture): void {
  test('start() returns the same machine for the same token after a lost response', async (t) => {
    const lose = can(t, fixture().loseNextStart)
    if (!lose) return
    await using pool = new SuitePool(fixture())
    const order = await pool.order(1)
    lose()
    const first = await pool.start(order)
    if (!first.ok) assert.equal(first.failure, 'unknown')
    const { provider_id } = succeeded(await pool.start(order))
    assert.deepEqual(
      (await pool.machines()).map((machine) => machine.provider_id),
      [provider_id],
    )
  })

  test('stop() can end a machine that is identified only by its token', async (t) => {
    const lose = can(t, fixture().loseNextStart)
    if (!lose) return
    await using pool = new SuitePool(fixture())
    const order = await pool.order(1)
    lose()
    await pool.start(order)
    assert.equal((await pool.machines()).length, 1)
    await pool.stop(order)
    assert.deepEqual(await pool.machines(), [])
  })
}

function failures(fixture: () => ProviderFixture): void {
  for (const failure of ['no_capacity', 'quota', 'throttled', 'permission'] as const)
    test(`start() reports the failure ${failure}, and creates no machine`, async (t) => {
      const fail = can(t, fixture().failNextStart)
      if (!fail) return
      await using pool = new SuitePool(fixture())
      const order = await pool.order(1)
      const refusal = fail(failure)
      if (refusal) return t.skip(refusal.cannot)
      const outcome = await pool.start(order)
      assert.ok(!outcome.ok)
      assert.equal(outcome.failure, failure)
      assert.match(outcome.message, /\w/)
      assert.deepEqual(await pool.machines(), [])
      succeeded(await pool.start({ ...order, launch_token: `${order.launch_token}-2` }))
    })
}

function stops(fixture: () => ProviderFixture): void {
  test('stop() ends only this machine, and is idempotent', async () => {
    await using pool = new SuitePool(fixture())
    const order = await pool.order(1)
    const started = succeeded(await pool.start(order))
    const other = await pool.startNew(2)
    await pool.stop(order, started)
    await pool.stop(order, started)
    assert.deepEqual(
      (await pool.machines()).map(({ provider_id }) => provider_id),
      [other.provider_id],
    )
  })

  test('stop() ends a started machine without knowing its id', async () => {
    await using pool = new SuitePool(fixture())
    const order = await pool.order(1)
    succeeded(await pool.start(order))
    await pool.stop(order)
    await pool.stop(order)
    assert.deepEqual(await pool.machines(), [])
  })

  test('concurrent stop() calls end all machines, even if one of them no longer exists', async () => {
    await using pool = new SuitePool(fixture())
    const orders = await Promise.all([1, 2, 3, 4].map(async (id) => await pool.order(id)))
    const started = await Promise.all(
      orders.map(async (order) => succeeded(await pool.start(order))),
    )
    await fixture().endMachine(started[1]?.provider_id ?? '')
    const provider = await pool.provider()
    await Promise.all(
      orders.map(
        async (order, at) => await provider.stop(stopOrder(order, started[at]), deadline()),
      ),
    )
    assert.deepEqual(await pool.machines(), [])
  })

  test('stop() of a machine that was never started is not an error', async () => {
    await using pool = new SuitePool(fixture())
    await pool.stop(await pool.order(77))
  })

  test('stop() of a machine that terminated by itself is not an error', async () => {
    await using pool = new SuitePool(fixture())
    const order = await pool.order(1)
    const started = succeeded(await pool.start(order))
    await fixture().endMachine(started.provider_id)
    await pool.stop(order, started)
    assert.deepEqual(await pool.machines(), [])
  })
}

function deadlines(fixture: () => ProviderFixture): void {
  test('a call whose deadline has already passed does nothing', async () => {
    await using pool = new SuitePool(fixture())
    const provider = await pool.provider()
    const order = await pool.order(1)
    const outcome = await provider.start(order, AbortSignal.abort())
    assert.equal(outcome.ok ? 'started' : outcome.failure, 'unknown')
    await assert.rejects(provider.stop(stopOrder(order), AbortSignal.abort()))
    await assert.rejects(Array.fromAsync(provider.list(AbortSignal.abort())))
    assert.deepEqual(await pool.machines(), [])
  })

  test('every call ends at its deadline if the cloud does not respond', async (t) => {
    const hang = can(t, fixture().hang)
    if (!hang) return
    await using pool = new SuitePool(fixture())
    const order = await pool.order(1)
    const started = succeeded(await pool.start(order))
    const [listed] = await pool.machines()
    assert.ok(listed)
    const provider = await pool.provider()
    using _hanging = hang()
    const soon = (): AbortSignal => AbortSignal.timeout(100)
    const began = performance.now()
    const outcome = await provider.start(await pool.order(2), soon())
    assert.equal(outcome.ok ? 'started' : outcome.failure, 'unknown')
    await assert.rejects(provider.stop(stopOrder(order, started), soon()))
    await assert.rejects(Array.fromAsync(provider.list(soon())))
    await assert.rejects(provider.remove(listed, soon()))
    assert.ok(performance.now() - began < PROMPT_MS)
  })
}
