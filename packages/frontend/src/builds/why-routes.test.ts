import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WhyAnswer } from '@copr/contract/api/why'
import { setWaitingReasons } from '@copr/domain/queue/waiting-reasons'
import { link } from '../testing/test-builds.ts'
import { addTelescope, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'
import { fixtures } from '@copr/domain/testing/fixtures'

async function whyOf(t: TestFrontend, id: number): Promise<WhyAnswer['steps']> {
  const response = await t.ask(`/api_3/build/${id}/why`)
  assert.equal(response.status, 200)
  return ((await response.json()) as WhyAnswer).steps
}

async function reasonsOf(t: TestFrontend, id: number): Promise<string[]> {
  const [step] = await whyOf(t, id)
  assert.ok(step)
  return step.reasons.map(({ kind, text }) => `${kind}: ${text}`)
}

async function addBuilder(t: TestFrontend, state: 'ready' | 'booting', id_of_task?: number) {
  const now = t.frontend.now()
  const { id } = await fixtures(t.db)
    .insertInto('machine')
    .values({
      pool: 'aws',
      name: 'aws-1',
      provider: 'aws',
      state,
      kinds: ['source', 'rpm'],
      arches: ['x86_64'],
      planned_arches: ['x86_64'],
      planned_tags: [],
      created_at: now,
      enrolled_at: state === 'ready' ? now : null,
      price_per_hour: 2,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  if (id_of_task !== undefined) {
    const leased_at = new Date(now.getTime() - 1_800_000)
    await fixtures(t.db)
      .updateTable('task')
      .set({ state: 'leased', machine_id: id, leased_at, attempts: 1, phase: 'building' })
      .where('build_id', '=', id_of_task)
      .execute()
  }
}

test('why: the reason is that there is no builder, then that a builder is starting, then that a builder is about to start the task', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await link(t)
  assert.deepEqual(await reasonsOf(t, id), ['no_machine: There is no builder'])
  await addBuilder(t, 'booting')
  assert.deepEqual(await reasonsOf(t, id), ['machine_coming: A builder is starting'])
  await fixtures(t.db)
    .updateTable('machine')
    .set({ state: 'ready', enrolled_at: t.frontend.now() })
    .execute()
  assert.deepEqual(await reasonsOf(t, id), ['queue: A builder is about to start it'])
})

test('why: the number of tasks ahead is given, and owners without running tasks go first', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const first = await link(t)
  await addBuilder(t, 'ready', first.id)
  const second = await link(t)
  const third = await link(t)
  const [step] = await whyOf(t, third.id)
  assert.equal(step?.position, 2)
  assert.deepEqual(step?.machines, { idle: 0, busy: 1, starting: 0 })
  assert.deepEqual(
    step?.reasons.map(({ text }) => text),
    ['1 are ahead of it; the builders that can run it (1) are busy'],
  )
  await t.db
    .updateTable('task')
    .set({ ownername: 'kim' })
    .where('build_id', '=', third.id)
    .execute()
  assert.equal((await whyOf(t, third.id))[0]?.position, 1)
  assert.equal((await whyOf(t, second.id))[0]?.position, 2)
})

test('why: a running step is reported with its machine, phase and cost', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await link(t)
  await addBuilder(t, 'ready', id)
  const [step] = await whyOf(t, id)
  assert.ok(step)
  const { reasons, ...facts } = step
  assert.deepEqual(
    reasons.map(({ kind, text }) => [kind, text]),
    [['running', 'The source package is being made on aws-1: building']],
  )
  assert.deepEqual(facts, {
    chroot: null,
    state: 'running',
    position: null,
    machine: 'aws-1',
    tries: 1,
    lost_cause: null,
    machines: null,
    cost: 1,
  })
})

test('why: the reason that the pool manager recorded is shown', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await link(t)
  const { sandbox, ownername, tags } = await t.db
    .selectFrom('task')
    .selectAll()
    .executeTakeFirstOrThrow()
  const reason = 'pool aws_x86 is at its limit of 20'
  await setWaitingReasons(
    t.db,
    [{ arch: '', tags, ownername, sandbox, tasks: 1, reason }],
    t.frontend.now(),
  )
  assert.deepEqual(await reasonsOf(t, id), [`no_machine: ${reason}`])
  const page = await (await t.ask(`/coprs/dana/telescope/build/${id}/`)).text()
  assert.match(page, /pool aws_x86 is at its limit of 20/)
  assert.match(
    await (await t.ask('/status/builders/')).text(),
    /pool aws_x86 is at its limit of 20/,
  )
})

test('why: the limit that holds up the build is reported', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const first = await link(t)
  await addBuilder(t, 'ready', first.id)
  t.frontend.config.limits.max_builds_per_owner = 1
  const { id } = await link(t)
  assert.deepEqual(await reasonsOf(t, id), ['limit: dana is running 1 task, which is the limit'])
})

test('why: after a lost attempt, the cause and the time of the next attempt are given', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await link(t)
  const not_before = new Date(t.frontend.now().getTime() + 30_000)
  const lost_cause = 'disk_full'
  await t.db.updateTable('task').set({ attempts: 1, not_before, lost_cause }).execute()
  assert.equal((await whyOf(t, id))[0]?.lost_cause, lost_cause)
  assert.match((await reasonsOf(t, id)).join(), /retry: It is retried in 30 s/)
})

test('why: a finished build has no steps, and an unknown one is not found', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await link(t)
  await fixtures(t.db).updateTable('task').set({ state: 'done' }).execute()
  await fixtures(t.db).updateTable('build_chroot').set({ state: 'failed' }).execute()
  assert.deepEqual(await whyOf(t, id), [])
  assert.equal((await t.ask('/api_3/build/999/why')).status, 404)
})
