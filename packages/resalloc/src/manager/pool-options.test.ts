import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COMMAND } from '@copr/domain/audit/actor'
import { holdMachine } from '@copr/domain/machines/machine-admin'
import { setQuota } from '@copr/domain/quotas/change-quota'
import { waitingReasons } from '@copr/domain/queue/waiting-reasons'
import { ManagerFixture } from '../testing/manager-fixture.ts'

const REUSE = { reuse_opportunity_time: 600, reuse_max_time: 0 }

test('machines that fail to boot are replaced, and after a number of failures their pool is held', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: { boot_timeout: 100, boot_failure_limit: 2, boot_failure_hold: 1000 } })
  await w.tasks('a', 1)
  await w.pass(600, 10)
  const failed = (await w.all()).filter(({ failure_class }) => failure_class === 'boot')
  assert.equal(failed.length, 2)
  assert.match((await waitingReasons(w.db))[0]?.reason ?? '', /held: 2 machines in a row/)
  assert.deepEqual(w.existing(), [])
  w.later(1000)
  await w.ready()
  assert.deepEqual(await w.states(), ['ready'])
})

test('a machine held for debugging gets no tasks, and is deleted when the hold expires', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: { max_prealloc: 1, max: 1 } })
  const [machine] = await w.ready()
  assert.ok(machine)
  const until = new Date(w.now.getTime() + 500_000)
  await holdMachine(w.db, machine.id, { until, reason: 'a look', now: w.now })
  await w.tasks('a', 1)
  await w.pass(400)
  assert.deepEqual(await w.states(), ['ready'])
  assert.deepEqual(await w.claimAll(), [])
  await w.pass(200)
  assert.equal((await w.all())[0]?.state, 'gone')
})

test('a machine whose health check fails gets no task, and is deleted after repeated failures', async () => {
  await using w = await ManagerFixture.open()
  let isWell = true
  w.overrides.set('p', { check: async () => isWell })
  w.pools({ p: { max_prealloc: 1, max: 1, livecheck_period: 60, livecheck_attempts: 3 } })
  await w.ready()
  await w.pass(200)
  assert.equal((await w.machines())[0]?.check_failures, 0)
  isWell = false
  await w.pass(80)
  await w.tasks('a', 1)
  assert.deepEqual(await w.claimAll(), [])
  await w.pass(200)
  assert.equal((await w.all())[0]?.failure_class, 'unwell')
})

test('surplus idle machines are deleted after a delay, and unused warm machines are replaced', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: { max_prealloc: 3, max: 9, max_idle_age: 500, scale_in_delay: 60 } })
  await w.ready()
  w.pools({ p: { max_prealloc: 1, max: 9, max_idle_age: 500, scale_in_delay: 60 } })
  await w.pass(40)
  assert.equal((await w.machines()).length, 3)
  await w.pass(100)
  const [kept, ...others] = await w.machines()
  assert.ok(kept && others.length === 0)
  await w.pass(500)
  const [fresh] = await w.machines()
  assert.notEqual(fresh?.id, kept.id)
})

test('an exhausted budget prevents new machines in its own pool only', async () => {
  await using w = await ManagerFixture.open({ offerings: [{ name: 'x', price_per_hour: 10 }] })
  w.pools({ p: { priority: 1, budget_per_month: 5, ...REUSE }, q: {} })
  await w.tasks('a', 1)
  await w.ready()
  await w.claimAll()
  await w.pass(2400, 60)
  await w.tasks('b', 1)
  await w.run(2)
  assert.deepEqual(
    (await w.machines()).map(({ pool }) => pool),
    ['p', 'q'],
  )
})

test('on-demand machines are started only for tasks that request their tags, and none are kept warm', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ big: { tags_on_demand: ['powerful'], max_prealloc: 2 }, p: {} })
  await w.tasks('a', 1)
  await w.tasks('b', 1, { tags: ['powerful'] })
  await w.run(2)
  assert.deepEqual((await w.machines()).map(({ pool }) => pool).toSorted(), ['big', 'p'])
})

test('owner limits also apply to machines, so that none are started for tasks over the limit', async () => {
  await using w = await ManagerFixture.open({ limits: { max_builds_per_owner: 3 } })
  w.pools({ p: { max: 50 } })
  await w.tasks('a', 20)
  await w.tasks('b', 2)
  await w.ready()
  assert.equal((await w.machines()).length, 5)
  assert.equal((await w.claimAll()).length, 5)
  assert.match((await waitingReasons(w.db))[0]?.reason ?? '', /a is running 3 builds/)
})

test('a quota of running tasks also limits how many machines are started, and replaces the configured limit', async () => {
  await using w = await ManagerFixture.open({ limits: { max_builds_per_owner: 3 } })
  const quotas = { a: 5, b: null, c: undefined }
  w.pools({ p: { max: 50 } })
  for (const [ownername, running_builds] of Object.entries(quotas)) {
    await w.tasks(ownername, 8)
    if (running_builds === undefined) continue
    const values = { running_builds }
    await setQuota(w.db, COMMAND, { subject: { ownername }, values, now: w.now })
  }
  await w.ready()
  assert.equal((await w.machines()).length, 5 + 8 + 3)
  assert.equal((await w.claimAll()).length, 5 + 8 + 3)
  const reasons = (await waitingReasons(w.db)).map(({ reason }) => reason)
  assert.ok(reasons.includes('a is running 5 builds, which is the limit per owner'))
  assert.ok(reasons.includes('c is running 3 builds, which is the limit per owner'))
})

test('the quotas of a project also limit how many machines are started', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: { max: 50 } })
  await w.tasks('a', 8)
  const [project] = await w.db.selectFrom('project').select(['id', 'ownername', 'name']).execute()
  assert.ok(project)
  const values = { running_builds: 2 }
  await setQuota(w.db, COMMAND, { subject: { project }, values, now: w.now })
  await w.ready()
  assert.equal((await w.machines()).length, 2)
  assert.match((await waitingReasons(w.db))[0]?.reason ?? '', /is running 2 builds.*per project/)
})

test('a task that ran out of memory gets a bigger machine, or any machine if none is big enough', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: { max: 50 } })
  await w.tasks('a', 1)
  await w.db.updateTable('task').set({ min_memory_mb: 8000 }).execute()
  await w.run(2)
  assert.deepEqual(
    (await w.machines()).map(({ offering }) => offering),
    ['big'],
  )
  await w.tasks('b', 1)
  await w.db.updateTable('task').set({ min_memory_mb: 99_000 }).execute()
  await w.run(2)
  assert.equal((await w.machines()).length, 2)
})
