import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drainMachine } from '@copr/domain/machines/machine-admin'
import { machineEvents, poolEvents } from '@copr/domain/states/machine-events'
import { allSightings } from '@copr/domain/machines/sightings'
import { noteGatewayBeat } from '@copr/domain/pools/gateway-heartbeat'
import { activeManager } from '@copr/domain/pools/manager-lease'
import { allOfferings } from '@copr/domain/pools/offerings'
import { allPools } from '@copr/domain/pools/pools'
import { poolsFile } from '@copr/domain/pools/pools-file'
import { waitingReasons } from '@copr/domain/queue/waiting-reasons'
import type { StartOrder } from '../providers/provider.ts'
import { ManagerFixture } from '../testing/manager-fixture.ts'
import { sampleBoot } from '../testing/sample-boot.ts'

const REUSE = { reuse_opportunity_time: 600, reuse_max_time: 0 }

const foreign = (owner: { installation_id: string; machine_id: number }): StartOrder => ({
  ...owner,
  pool: 'p',
  name: 'x',
  launch_token: `other-${owner.installation_id}-${owner.machine_id}`,
  offering: { name: 'small', price_per_hour: 0.1 },
  id_in_pool: 0,
  counters: {},
  boot: sampleBoot(),
})

test('a waiting task causes a machine to start, run the task and be deleted', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: {} })
  await w.tasks('a', 1)
  const [machine] = await w.ready()
  assert.equal(machine?.state, 'ready')
  assert.equal(machine.offering, 'small', 'the cheaper one')
  const [task] = await w.claimAll()
  assert.ok(task)
  await w.finish(task)
  await w.pass(60, 5)
  assert.deepEqual(await w.machines(), [])
  assert.deepEqual(w.existing(), [])
  const kinds = (await machineEvents(w.db, machine.id)).map((event) => event.kind)
  const life = ['planned', 'launching', 'booting', 'ready', 'draining', 'deleting', 'gone']
  assert.deepEqual(kinds, life)
})

test('after a crash between "token stored" and "response received", the machine is found by its token, not duplicated', async () => {
  for (const point of ['before the start', 'started'] as const) {
    await using w = await ManagerFixture.open()
    w.pools({ p: {} })
    await w.tasks('a', 1)
    await w.run(1)
    const before = await w.all()
    assert.deepEqual(
      before.map(({ state }) => state),
      ['planned'],
    )
    await w.killManagerAt(point)
    assert.equal((await w.all())[0]?.state, 'launching')
    await w.ready()
    assert.equal(w.existing().length, 1)
    assert.deepEqual(await w.states(), ['ready'])
    assert.equal((await w.all()).length, 1)
    assert.equal(w.existing()[0]?.launch_token, before[0]?.launch_token)
  }
})

test('a start whose response was lost is retried, and yields a single machine', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: {} })
  await w.tasks('a', 1)
  w.cloud.fail({ kind: 'lose_answer' })
  await w.run(3, 6)
  assert.deepEqual(await w.states(), ['booting'])
  assert.equal(w.existing().length, 1)
})

test('after a capacity error in zone A, the same cycle tries the next offering, and A is skipped until its suspension ends', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: {} })
  await w.tasks('a', 1)
  await w.run(1)
  w.cloud.fail({ kind: 'fail', failure: 'no_capacity' })
  await w.run(1)
  assert.deepEqual(
    (await w.machines()).map(({ offering, state }) => [offering, state]),
    [['big', 'booting']],
  )
  await w.tasks('b', 1)
  await w.run(2)
  assert.equal((await w.machines())[1]?.offering, 'big')
  w.later(180)
  await w.tasks('c', 1)
  await w.run(2)
  assert.equal((await w.machines())[2]?.offering, 'small')
  const small = (await allOfferings(w.db)).find(({ name }) => name === 'small')
  assert.equal(small?.failure_class, 'no_capacity')
})

test('if a whole pool has no capacity, the next pool provides the machine', async () => {
  await using w = await ManagerFixture.open({ offerings: [{ name: 'only', price_per_hour: 1 }] })
  w.pools({ first: { priority: 5 }, second: {} })
  await w.tasks('a', 1)
  await w.run(1)
  assert.equal((await w.machines())[0]?.pool, 'first')
  w.cloud.fail({ kind: 'fail', failure: 'no_capacity' })
  await w.run(3)
  assert.deepEqual(
    (await w.machines()).map(({ pool, state }) => [pool, state]),
    [['second', 'booting']],
  )
})

test('an exhausted quota suspends all offerings of its group; throttling pauses the whole pool for a while', async () => {
  await using w = await ManagerFixture.open({
    offerings: [
      { name: 'spot-a', group: 'spot', price_per_hour: 1 },
      { name: 'spot-b', group: 'spot', price_per_hour: 2 },
      { name: 'full', group: 'full', price_per_hour: 3 },
    ],
  })
  w.pools({ p: {} })
  await w.tasks('a', 1)
  await w.run(1)
  w.cloud.fail({ kind: 'fail', failure: 'quota' })
  await w.run(1)
  assert.equal((await w.machines())[0]?.offering, 'full')
  await w.tasks('b', 1)
  w.cloud.fail({ kind: 'fail', failure: 'throttled' })
  await w.run(3)
  assert.deepEqual(await w.states(), ['booting', 'planned'])
  w.later(20)
  await w.run(1)
  assert.deepEqual(await w.states(), ['booting', 'booting'])
})

test('a missing permission holds the pool until its configuration changes', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: {} })
  await w.tasks('a', 1)
  w.cloud.fail({ kind: 'fail', failure: 'permission' })
  await w.run(5, 600)
  assert.deepEqual(w.existing(), [])
  assert.match(
    (await waitingReasons(w.db))[0]?.reason ?? '',
    /pool p is held: The cloud reports perm/,
  )
  w.pools({ p: { description: 'now it may' } })
  await w.run(2)
  assert.equal(w.existing().length, 1)
})

test('a pool held for a missing permission is retried after the time that the provider gave', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: {} })
  await w.tasks('a', 1)
  w.cloud.fail({ kind: 'fail', failure: 'permission', retry_seconds: 600 })
  await w.run(3)
  assert.match(
    (await waitingReasons(w.db))[0]?.reason ?? '',
    /pool p is held: The cloud reports perm/,
  )
  w.later(500)
  await w.run(2)
  assert.deepEqual(w.existing(), [])
  w.later(200)
  await w.run(2)
  assert.equal(w.existing().length, 1)
})

test('a listed machine that is missing from the tables is left alone until it reaches the minimum age of an orphan', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: {} })
  await w.run(1)
  await w.cloud
    .provider({ installation_id: 'test' })
    .start(foreign({ installation_id: 'test', machine_id: 77 }), new AbortController().signal)
  await w.pass(250, 125)
  assert.equal(w.existing().length, 1)
  assert.equal((await allSightings(w.db)).length, 1)
})

test('an old enough machine that is missing from the tables in two listings is deleted once, and the event is recorded', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: {} })
  await w.run(1)
  await w.cloud
    .provider({ installation_id: 'test' })
    .start(foreign({ installation_id: 'test', machine_id: 77 }), new AbortController().signal)
  w.later(1000)
  await w.run(1)
  assert.equal(w.existing().length, 1, 'one sighting is not enough')
  await w.pass(600, 125)
  assert.deepEqual(w.existing(), [])
  const events = await poolEvents(w.db, 'p', 10)
  assert.deepEqual(
    events.map(({ kind, text }) => [kind, text]),
    [['orphan', 'machine fake-1 removed']],
  )
})

test('a machine of another installation is never touched', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: {} })
  await w.run(1)
  await w.cloud
    .provider({ installation_id: 'other' })
    .start(foreign({ installation_id: 'other', machine_id: 77 }), new AbortController().signal)
  await w.pass(1000, 125)
  assert.equal(w.existing().length, 1)
})

test('a machine that is still listed after a successful delete call stays in state `deleting`, and is deleted again', async () => {
  await using w = await ManagerFixture.open()
  let stops = 0
  w.overrides.set('p', { stop: async () => void stops++ })
  w.pools({ p: {} })
  await w.tasks('a', 1)
  const [machine] = await w.ready()
  assert.ok(machine)
  await drainMachine(w.db, machine.id, 'old', w.now)
  await w.pass(300)
  assert.deepEqual(await w.states().then((states) => states[0]), 'deleting')
  assert.ok(stops > 2 && stops < 10, `${stops} stops`)
  w.cloud.endMachine(machine.provider_id ?? '')
  await w.pass(60)
  assert.equal((await w.all())[0]?.state, 'gone')
})

test('a failed delete is retried forever, at increasing intervals', async () => {
  await using w = await ManagerFixture.open()
  let tries = 0
  const stop = async (): Promise<void> => {
    tries++
    throw new Error('cannot stop at the moment')
  }
  w.overrides.set('p', { stop })
  w.pools({ p: { max: 1 } })
  await w.tasks('a', 1)
  const [machine] = await w.ready()
  await drainMachine(w.db, machine?.id ?? 0, 'old', w.now)
  await w.pass(4000)
  assert.ok(tries > 5 && tries < 15, `${tries} tries`)
  const [stuck] = await w.machines()
  assert.deepEqual([stuck?.state, stuck?.failure_text], ['deleting', 'cannot stop at the moment'])
})

for (const how of ['reported by its cloud', 'no longer listed', 'no heartbeats'] as const)
  test(`a machine that vanishes while leased (${how}): the task is requeued because the machine was lost`, async () => {
    await using w = await ManagerFixture.open()
    // With a shorter timeout, the manager might notice the missing heartbeats before it lists the machines.
    w.pools({ p: how === 'no heartbeats' ? {} : { silence_timeout: 400 } })
    await w.tasks('a', 1)
    const [machine] = await w.ready()
    assert.ok(machine?.provider_id)
    const [task] = await w.claimAll()
    assert.ok(task)
    if (how !== 'no heartbeats') w.cloud.endMachine(machine.provider_id, 'interrupted')
    if (how === 'no longer listed') w.cloud.forgetEnded(new Date('2100-01-01'))
    await w.pass(how === 'reported by its cloud' ? 170 : 260)
    if (how === 'no heartbeats') w.overrides.clear()
    const [row] = await w.db.selectFrom('task').selectAll().execute()
    if (how === 'no heartbeats') {
      assert.equal(row?.state, 'leased', 'it has sent heartbeats')
      await w.run(10, 15)
    }
    const [after] = await w.db.selectFrom('task').selectAll().execute()
    assert.equal(after?.state, 'queued')
    assert.equal(after?.attempts, 1)
    const lost = how === 'reported by its cloud' ? 'interrupted' : 'machine_lost'
    assert.equal(after?.lost_cause, lost)
    const gone = (await w.all()).find(({ id }) => id === machine.id)
    assert.equal(gone?.failure_class, lost === 'interrupted' ? lost : 'lost')
    assert.equal((await w.machines()).length, 1, 'another one is on its way')
  })

test('a machine is not considered silent while every gateway is down, nor shortly after one comes back', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: {} })
  await w.tasks('a', 1)
  await noteGatewayBeat(w.db, w.now)
  await w.ready()
  await w.run(20, 30)
  assert.deepEqual(await w.states(), ['ready'])
  await noteGatewayBeat(w.db, w.now)
  await w.run(1)
  assert.deepEqual(await w.states(), ['ready'])
  for (let i = 0; i < 12; i++) {
    await noteGatewayBeat(w.db, w.now)
    await w.run(1, 10)
  }
  assert.equal((await w.all())[0]?.failure_class, 'lost')
})

test('a machine is removed if cleaning it fails, even with unlimited reuse, and becomes available if cleaning succeeds', async () => {
  await using w = await ManagerFixture.open()
  let works = true
  const clean = async (): Promise<void> => {
    if (!works) throw new Error('dirty')
  }
  w.overrides.set('p', { clean })
  w.pools({ p: { ...REUSE } })
  await w.tasks('a', 3)
  w.pools({ p: { ...REUSE, max: 1 } })
  const [machine] = await w.ready()
  const [first] = await w.claimAll()
  assert.ok(first && machine)
  await w.finish(first)
  assert.equal(await w.claim(machine.id), undefined, 'not before it was cleaned')
  await w.run(1)
  const second = await w.claim(machine.id)
  assert.ok(second)
  works = false
  await w.finish(second)
  await w.run(2)
  const ended = (await w.all())[0]
  assert.equal(ended?.failure_class, 'cleaning')
  assert.equal(await w.claim(machine.id), undefined)
})

test('when the limit is lowered below the current number of machines, idle ones are deleted, and busy ones finish their task first', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: { max_prealloc: 5, max: 10, ...REUSE } })
  await w.tasks('a', 2)
  await w.ready()
  assert.equal((await w.machines()).length, 7)
  const tasks = await w.claimAll()
  w.pools({ p: { max: 1, max_prealloc: 0, ...REUSE } })
  await w.pass(60, 5)
  const left = await w.machines()
  assert.deepEqual(
    left.map(({ state, task_id }) => [state, task_id !== null]),
    [
      ['ready', true],
      ['ready', true],
    ],
  )
  for (const task of tasks) await w.finish(task)
  await w.pass(60, 5)
  assert.deepEqual(await w.states(), ['ready'])
})

test('the machines of a pool that was removed from the file are drained and deleted, using the stored configuration', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: { max_prealloc: 1, max: 3 }, q: {} })
  await w.tasks('a', 1)
  await w.ready()
  const [task] = await w.claimAll()
  assert.ok(task)
  w.pools({ q: {} })
  await w.killManagerAt('listed')
  await w.pass(60)
  assert.deepEqual(await w.states(), ['draining'])
  await w.finish(task)
  await w.pass(60)
  assert.deepEqual(w.existing(), [])
  assert.deepEqual(await w.machines(), [])
  await w.pass(1200, 60)
  assert.deepEqual(
    (await allPools(w.db)).map(({ name }) => name),
    ['q'],
  )
})

test('while the configuration is invalid, the previous one stays active and the error is visible', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: {} })
  await w.run(1)
  w.text = 'p: { cmd_new: x, cmd_delete: y, arches: [x86_64], max: many }'
  await w.tasks('a', 1)
  await w.run(2)
  assert.equal(w.existing().length, 1)
  assert.match((await poolsFile(w.db))?.error ?? '', /max/)
  w.pools({ p: { max: 3 } })
  await w.run(1)
  assert.equal((await poolsFile(w.db))?.error, null)
})

test('an empty file leaves the previous pools active; {} removes them', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: {} })
  await w.tasks('a', 1)
  await w.run(2)
  w.text = '\n'
  await w.run(2)
  assert.equal(w.existing().length, 1)
  assert.match((await poolsFile(w.db))?.error ?? '', /The file is empty; write {} for no pools/)
  w.text = '{}'
  await w.run(1)
  assert.equal((await poolsFile(w.db))?.error, null)
})

test('of two managers, one is active and the other stands by until the first has ended', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: {} })
  await w.tasks('a', 3)
  const other = w.makeManager()
  await w.run(1)
  assert.equal(await other.cycle(), false)
  await w.run(2)
  await other.settled()
  assert.equal(w.existing().length, 3)
  const acting = await activeManager(w.db, w.now)
  w.later(30)
  assert.ok(await other.cycle())
  assert.notEqual((await activeManager(w.db, w.now))?.holder, acting?.holder)
})

test('a provider call that hangs times out and is retried; other pools are not held up', async () => {
  await using w = await ManagerFixture.open()
  let hangs = true
  const start = (order: StartOrder, signal: AbortSignal) =>
    hangs
      ? new Promise<never>(() => undefined)
      : w.cloud.provider({ installation_id: 'test' }).start(order, signal)
  w.overrides.set('hangs', { start })
  w.pools({ hangs: { arches: ['s390x'] }, works: {} })
  await w.tasks('a', 1, { arch: 's390x' })
  await w.tasks('b', 1, { arch: 'x86_64' })
  const manager = w.makeManager({ deadlines: { start: 50 } })
  for (let i = 0; i < 3; i++) {
    assert.ok(await manager.cycle())
    w.later(6)
  }
  assert.deepEqual(
    w.existing().map(({ pool }) => pool),
    ['works'],
  )
  await manager.settled()
  hangs = false
  w.later(30)
  await manager.cycle()
  await manager.settled()
  assert.deepEqual(
    w.existing().map(({ pool }) => pool),
    ['works', 'hangs'],
  )
})

test('for a burst of tasks, machines are started beyond the warm pool, up to the limit, in the pool with the higher tag priority first', async () => {
  await using w = await ManagerFixture.open()
  w.pools({
    dear: { max: 3, max_prealloc: 1, tags: [{ name: 'arch_x86_64', priority: -10 }] },
    good: { max: 4, max_prealloc: 2, tags: [{ name: 'arch_x86_64', priority: 20 }] },
  })
  await w.ready()
  const count = async (): Promise<Record<string, number>> => {
    const machines = await w.machines()
    const of = (name: string): number => machines.filter(({ pool }) => pool === name).length
    return { good: of('good'), dear: of('dear') }
  }
  assert.deepEqual(await count(), { good: 2, dear: 1 })
  await w.tasks('a', 5, { arch: 'x86_64' })
  await w.run(2)
  assert.deepEqual(await count(), { good: 4, dear: 2 })
  await w.tasks('b', 20, { arch: 'x86_64' })
  await w.run(2)
  assert.deepEqual(await count(), { good: 4, dear: 3 })
  const reasons = await waitingReasons(w.db)
  assert.match(
    reasons[0]?.reason ?? '',
    /pool dear is at its limit of 3 machines; pool good is at its limit of 4 machines/,
  )
  assert.equal(
    reasons.reduce((sum, each) => sum + each.tasks, 0),
    18,
  )
})

test('at the limit, an idle machine of another sandbox is evicted in favor of a waiting task', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: { max: 2, ...REUSE } })
  await w.tasks('a', 2)
  await w.ready()
  for (const task of await w.claimAll()) await w.finish(task)
  await w.tasks('b', 1)
  await w.run(1)
  assert.deepEqual((await w.states()).toSorted(), ['draining', 'ready'])
  await w.pass(60, 5)
  await w.enroll()
  assert.deepEqual(
    (await w.claimAll()).map(({ ownername }) => ownername),
    ['b'],
  )
  assert.equal((await w.machines()).length, 2)
})

test('each waiting task evicts one idle machine of another sandbox, but no machine whose own sandbox has a waiting task', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: { max: 4, ...REUSE } })
  await w.tasks('a', 3)
  await w.tasks('c', 1)
  await w.ready()
  const tasks = await w.claimAll()
  assert.equal(tasks.length, 4)
  for (const task of tasks) await w.finish(task)
  await w.tasks('b', 2)
  await w.tasks('c', 1)
  await w.run(1)
  await w.run(1)
  const left = (await w.machines()).filter(({ state }) => state === 'ready')
  assert.deepEqual(left.map(({ sandbox }) => String(sandbox)).toSorted(), ['a/p--a', 'c/p--c'])
})

test('tasks that no pool can run are shown as unsatisfiable with the reason', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: { tags: ['big'] } })
  await w.tasks('a', 1, { arch: 's390x' })
  await w.tasks('b', 1, { arch: 'x86_64', tags: ['gpu'] })
  await w.run(2)
  assert.deepEqual(await w.machines(), [])
  const reasons = (await waitingReasons(w.db)).map(({ reason }) => reason).toSorted()
  assert.deepEqual(reasons, ['no pool offers s390x', 'no single pool offers gpu and x86_64'])
})
