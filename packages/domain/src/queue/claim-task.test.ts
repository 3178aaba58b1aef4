import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { openTestDb } from '@copr/testkit/postgres'
import { sql, type Updateable } from 'kysely'
import { type Db, openDb } from '../database/open.ts'
import type { MachineTable } from '../database/schema.ts'
import { drainMachine, holdMachine } from '../machines/machine-admin.ts'
import { changeMachine } from '../states/machine-state.ts'
import { syncPools } from '../pools/pools.ts'
import { addTasks } from '../testing/add-tasks.ts'
import { poolConfig } from '../testing/pool-config.ts'
import type { RunningLimits } from './claim-conditions.ts'
import { claimTask } from './claim-task.ts'
import { runningTasks, waitingDemand } from './demand.ts'
import type { TaskRow } from './leases.ts'
import { machinesWithWork } from './machines-with-work.ts'
import { setQuota } from '../quotas/change-quota.ts'
import { COMMAND } from '../audit/actor.ts'
import { runningQuotas } from './running-quotas.ts'
import { whyWaiting } from './why-waiting.ts'
import { finishTask, requeueTask } from '../builds/task-outcomes.ts'
import { fixtures } from '../testing/fixtures.ts'

const now = new Date('2026-11-22T12:00:00Z')
const later = (seconds: number): Date => new Date(now.getTime() + seconds * 1000)

async function addPool(db: Db, options: Record<string, unknown>): Promise<void> {
  await syncPools(db, [{ name: 'p', config: poolConfig(options), cleans: false }], now)
}

async function addMachine(
  db: Db,
  { pool = null, tags = [] }: { pool?: string | null; tags?: string[] } = {},
): Promise<{ id: number; kinds: string[]; arches: string[]; tags: string[] }> {
  const machine = { kinds: ['source', 'rpm'], arches: ['x86_64'], tags }
  const { id } = await fixtures(db)
    .insertInto('machine')
    .values({
      ...machine,
      pool: pool ?? 'manual',
      provider: pool && 'command',
      name: 'm',
      state: 'ready',
      created_at: now,
      last_seen_at: now,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { id, ...machine }
}

/** Claims a task. If the machine gets one, asserts that machinesWithWork() lists the machine. */
async function claim(
  db: Db,
  machine: Parameters<typeof claimTask>[1],
  { at = now, limits = {} }: { at?: Date; limits?: RunningLimits } = {},
): Promise<TaskRow | undefined> {
  const mayFind = await machinesWithWork(db, [machine.id], { now: at, limits })
  const options = { lease: randomUUID(), now: at, lease_seconds: 30, limits }
  const task = await claimTask(db, machine, options)
  assert.ok(!task || mayFind.includes(machine.id))
  return task
}

async function end(db: Db, task: TaskRow | undefined, at = now): Promise<void> {
  const outcome = { kind: 'failed', reason: 'test' } as const
  assert.equal(await finishTask(db, task?.lease ?? '', outcome, at), 'finished')
}

async function owners(db: Db, count: number, limits: RunningLimits = {}): Promise<string[]> {
  const taken: string[] = []
  for (let i = 0; i < count; i++) {
    const task = await claim(db, await addMachine(db), { limits })
    if (task) taken.push(task.ownername)
  }
  return taken
}

test('claimTask() is fair between owners: the owner with the fewest running tasks goes first', async () => {
  await using t = await openTestDb()
  await addTasks(t.db, now, 'many', 10)
  await addTasks(t.db, now, 'few', 2, { at: later(60) })
  assert.deepEqual(await owners(t.db, 6), ['many', 'few', 'many', 'few', 'many', 'many'])
})

test('claimTask() claims background builds, whoever owns them, only when no other task is waiting', async () => {
  await using t = await openTestDb()
  await addTasks(t.db, now, 'quiet', 1, { priority: 1000 })
  await addTasks(t.db, now, 'busy', 3, { at: later(1) })
  assert.deepEqual(await owners(t.db, 4), ['busy', 'busy', 'busy', 'quiet'])
})

test('claimTask() enforces the limits of owners, sandboxes and architectures', async () => {
  await using t = await openTestDb()
  await addTasks(t.db, now, 'a', 5, { arch: 'x86_64' })
  await addTasks(t.db, now, 'b', 5)
  assert.deepEqual(await owners(t.db, 10, { max_builds_per_owner: 2 }), ['a', 'b', 'a', 'b'])
  assert.deepEqual(await owners(t.db, 10, { max_builds_per_sandbox: 3 }), ['a', 'b'])
  assert.deepEqual(await owners(t.db, 1, { max_builds_per_arch: { x86_64: 3 } }), ['b'])
  const both = { max_builds_per_owner_and_arch: { x86_64: 4 }, max_builds_per_owner: 4 }
  assert.deepEqual(await owners(t.db, 10, both), ['a'])
})

test('claimTask() enforces quotas of owners and projects, which replace the configured limits', async () => {
  await using t = await openTestDb()
  await addTasks(t.db, now, 'a', 6)
  await addTasks(t.db, now, 'b', 6)
  const limits = { max_builds_per_owner: 2 }
  const subject = { ownername: 'a' }
  await setQuota(t.db, COMMAND, { subject, values: { running_builds: 3 }, now })
  assert.deepEqual(await owners(t.db, 10, limits), ['a', 'b', 'a', 'b', 'a'])
  const [project] = await t.db
    .selectFrom('project')
    .select(['id', 'ownername', 'name'])
    .where('ownername', '=', 'b')
    .execute()
  assert.ok(project)
  await setQuota(t.db, COMMAND, {
    subject: { ownername: 'b' },
    values: { running_builds: null },
    now,
  })
  await setQuota(t.db, COMMAND, { subject: { project }, values: { running_builds: 4 }, now })
  assert.deepEqual(await owners(t.db, 10, limits), ['b', 'b'])
  assert.deepEqual(await owners(t.db, 10, {}), [], 'quotas apply without configured limits')
  await setQuota(t.db, COMMAND, { subject: { project }, values: { running_builds: null }, now })
  assert.deepEqual(await owners(t.db, 10, { ...limits, max_builds_per_project: 1 }), ['b', 'b'])
  const quotas = await runningQuotas(t.db)
  assert.deepEqual(
    [...quotas.owners],
    [
      ['a', 3],
      ['b', null],
    ],
  )
  assert.deepEqual([...quotas.projects], [[project.id, null]])
})

test('claimTask() enforces quotas for concurrent claims', async () => {
  await using t = await openTestDb()
  await addTasks(t.db, now, 'a', 10)
  await setQuota(t.db, COMMAND, { subject: { ownername: 'a' }, values: { running_builds: 3 }, now })
  const machines = await Promise.all(Array.from({ length: 8 }, () => addMachine(t.db)))
  for (let round = 0; round < 3; round++)
    await Promise.all(machines.map((machine) => claim(t.db, machine)))
  assert.equal((await runningTasks(t.db))[0]?.tasks, 3)
})

test('whyWaiting() reports a reached quota', async () => {
  await using t = await openTestDb()
  await addTasks(t.db, now, 'a', 2)
  await setQuota(t.db, COMMAND, { subject: { ownername: 'a' }, values: { running_builds: 1 }, now })
  await claim(t.db, await addMachine(t.db))
  const { build_id } = await t.db
    .selectFrom('task')
    .select('build_id')
    .where('state', '=', 'queued')
    .executeTakeFirstOrThrow()
  const [step] = await whyWaiting(t.db, build_id, { limits: { max_builds_per_owner: 9 }, now })
  assert.deepEqual(
    step?.reasons.map(({ kind, text }) => [kind, text]),
    [
      ['limit', 'a is running 1 task, which is the limit'],
      ['no_machine', 'There is no builder'],
    ],
  )
})

test('claimTask() enforces the limits for concurrent claims', async () => {
  await using t = await openTestDb()
  await addTasks(t.db, now, 'a', 10)
  const machines = await Promise.all(Array.from({ length: 8 }, () => addMachine(t.db)))
  const limits = { max_builds_per_owner: 3 }
  for (let round = 0; round < 3; round++)
    await Promise.all(machines.map((machine) => claim(t.db, machine, { limits })))
  const running = await runningTasks(t.db)
  assert.deepEqual(
    running.map(({ project_id: _, ...each }) => each),
    [{ ownername: 'a', sandbox: 'a/p--a', arch: null, tasks: 3 }],
  )
})

test('claimTask() gives a used machine only tasks of its sandbox, within the reuse limits', async () => {
  await using t = await openTestDb()
  await addPool(t.db, { reuse_opportunity_time: 90, reuse_max_count: 3, reuse_max_time: 600 })
  await addTasks(t.db, now, 'a', 1)
  await addTasks(t.db, now, 'b', 3, { at: later(10) })
  const first = await addMachine(t.db, { pool: 'p' })
  await end(t.db, await claim(t.db, first))
  assert.equal(await claim(t.db, first), undefined, 'the waiting tasks belong to another sandbox')
  await addTasks(t.db, now, 'a', 5, { at: later(20) })
  const second = await claim(t.db, first)
  assert.equal(second?.sandbox, 'a/p--a')
  await end(t.db, second)
  assert.equal(
    await claim(t.db, first, { at: later(601) }),
    undefined,
    'the machine was used for the maximum time',
  )
  await end(t.db, await claim(t.db, first))
  assert.equal(
    await claim(t.db, first),
    undefined,
    'the machine was used the maximum number of times',
  )
})

test('claimTask() gives a one-shot machine one task, and a local one any number of tasks of any sandbox', async () => {
  await using t = await openTestDb()
  await addPool(t.db, {})
  await addTasks(t.db, now, 'a', 3)
  await addTasks(t.db, now, 'b', 3)
  const once = await addMachine(t.db, { pool: 'p' })
  await end(t.db, await claim(t.db, once))
  assert.equal(await claim(t.db, once), undefined)
  const local = await addMachine(t.db)
  for (let i = 0; i < 5; i++) await end(t.db, await claim(t.db, local))
})

test('claimTask() gives no task to machines that are drained, held, cordoned, unclean or failing checks', async () => {
  await using t = await openTestDb()
  await addPool(t.db, { reuse_opportunity_time: 90 })
  await addTasks(t.db, now, 'a', 9)
  const drained = await addMachine(t.db, { pool: 'p' })
  await drainMachine(t.db, drained.id, 'old', now)
  const held = await addMachine(t.db, { pool: 'p' })
  await holdMachine(t.db, held.id, { until: later(9), reason: 'a look', now })
  const bad = [drained, held]
  for (const set of [{ cordoned: true }, { needs_cleaning: true }, { check_failures: 1 }]) {
    const machine = await addMachine(t.db, { pool: 'p' })
    assert.ok(await changeMachine(t.db, { ...machine, state: 'ready', version: 0 }, set))
    bad.push(machine)
  }
  for (const machine of bad) assert.equal(await claim(t.db, machine), undefined)
  assert.ok(await claim(t.db, await addMachine(t.db, { pool: 'p' })))
})

test('claimTask() gives a machine with on-demand tags first the tasks that request such a tag', async () => {
  await using t = await openTestDb()
  await addPool(t.db, { tags_on_demand: ['powerful'] })
  await addTasks(t.db, now, 'a', 1)
  await addTasks(t.db, now, 'b', 1, { tags: ['powerful'], at: later(60) })
  const machine = await addMachine(t.db, { pool: 'p', tags: ['powerful'] })
  assert.equal((await claim(t.db, machine))?.ownername, 'b')
})

test('a finished task releases its machine, regardless of the outcome', async () => {
  await using t = await openTestDb()
  await addPool(t.db, { reuse_opportunity_time: 90 })
  await addTasks(t.db, now, 'a', 2)
  const machine = await addMachine(t.db, { pool: 'p' })
  const released = async (): Promise<Date | null | undefined> =>
    (await t.db.selectFrom('machine').select('released_at').executeTakeFirst())?.released_at
  await end(t.db, await claim(t.db, machine), later(5))
  assert.deepEqual(await released(), later(5))
  const task = await claim(t.db, machine)
  assert.equal(await released(), null)
  await requeueTask(t.db, task?.lease ?? '', { reason: 'lost', max_attempts: 3, now: later(7) })
  assert.deepEqual(await released(), later(7))
})

test('claimTask() does not take a task before its `not_before`', async () => {
  await using t = await openTestDb()
  await addTasks(t.db, now, 'a', 1)
  const machine = await addMachine(t.db)
  const lease = (await claim(t.db, machine))?.lease ?? ''
  await requeueTask(t.db, lease, { reason: 'lost', max_attempts: 3, now, wait_seconds: 60 })
  const options = { lease: randomUUID(), lease_seconds: 30 }
  assert.equal(await claimTask(t.db, machine, { ...options, now: later(59) }), undefined)
  assert.ok(await claimTask(t.db, machine, { ...options, now: later(60) }))
})

test('claimTask() gives a task only to a machine that has all of its tags', async () => {
  await using t = await openTestDb()
  await addTasks(t.db, now, 'a', 1, { tags: ['big', 'fast'] })
  const options = { lease: randomUUID(), now, lease_seconds: 30 }
  assert.equal(await claimTask(t.db, await addMachine(t.db, { tags: ['big'] }), options), undefined)
  assert.ok(await claimTask(t.db, await addMachine(t.db, { tags: ['fast', 'big'] }), options))
})

const PLANNED: [permitted: boolean, planned: Updateable<MachineTable>][] = [
  [false, { planned_kinds: ['rpm'] }],
  [false, { planned_arches: ['aarch64'] }],
  [false, { planned_tags: [] }],
  [true, { planned_kinds: ['source'], planned_arches: ['x86_64'], planned_tags: ['big'] }],
]
for (const [permitted, planned] of PLANNED)
  test(`claimTask() ${permitted ? 'gives' : 'refuses'} a task to a machine with ${JSON.stringify(planned)}`, async () => {
    await using t = await openTestDb()
    await addTasks(t.db, now, 'a', 1, { arch: 'x86_64', tags: ['big'] })
    const machine = await addMachine(t.db, { tags: ['big'] })
    await t.db.updateTable('machine').set(planned).execute()
    const options = { lease: randomUUID(), now, lease_seconds: 30 }
    assert.equal((await claimTask(t.db, machine, options)) !== undefined, permitted)
  })

test('waitingDemand() groups the tasks that builders could start now', async () => {
  await using t = await openTestDb()
  await addTasks(t.db, now, 'a', 3, { arch: 'x86_64', tags: ['big'] })
  await addTasks(t.db, now, 'b', 2, { priority: 1000, at: later(9) })
  await sql`update task set not_before = ${later(60)} where ownername = 'b' and id = (
    select max(id) from task)`.execute(t.db)
  const demand = await waitingDemand(t.db, now)
  assert.deepEqual(
    demand.map(({ oldest: _, project_id: _id, ...group }) => group),
    [
      {
        arch: 'x86_64',
        tags: ['big'],
        min_memory_mb: null,
        ownername: 'a',
        sandbox: 'a/p--a',
        is_background: false,
        tasks: 3,
      },
      {
        arch: null,
        tags: [],
        min_memory_mb: null,
        ownername: 'b',
        sandbox: 'b/p--b',
        is_background: true,
        tasks: 1,
      },
    ],
  )
  assert.equal((await waitingDemand(t.db, later(60)))[1]?.tasks, 2)
})

test('claimTask() reads few rows with 3,000 waiting tasks and 400 machines', async (t) => {
  await using database = await openTestDb()
  const { db } = database
  await addPool(db, { reuse_opportunity_time: 90 })
  for (let owner = 0; owner < 30; owner++) await addTasks(db, now, `owner${owner}`, 115)
  const machines = await Promise.all(
    Array.from({ length: 410 }, () => addMachine(db, { pool: 'p' })),
  )
  const limits = { max_builds_per_owner: 90, max_builds_per_sandbox: 35 }
  await sql`analyze`.execute(db)
  await sql`with t as (select id, row_number() over (order by random()) as n from task),
    m as (select id, row_number() over (order by id) as n from machine order by id limit 400)
    update task set state = 'leased', lease = task.id::text, machine_id = m.id, lease_until = ${later(60)}
    from t, m where t.n = m.n and t.id = task.id`.execute(db)
  // Counts the rows that are read instead of measuring the time, because other tests run concurrently. docs/performance.md lists measured
  // times.
  await using one = oneConnection(database.url)
  const before = await rowsRead(one.db)
  for (const machine of machines.toSorted((a, b) => a.id - b.id).slice(400))
    assert.ok(await claim(one.db, machine, { limits }))
  const rows = ((await rowsRead(one.db)) - before) / 10
  t.diagnostic(`a claim reads ${rows} rows`)
  assert.ok(rows < 40_000, `a claim reads ${rows} rows`)
})

/** Opens a pool with a single connection: only the session that ran a query sees the statistics of that query immediately. */
function oneConnection(url: string): AsyncDisposable & { db: Db } {
  const db = openDb(url, { max_connections: 1 })
  return { db, [Symbol.asyncDispose]: () => db.destroy() }
}

/** Returns the number of rows that sequential and index scans have read so far. */
async function rowsRead(db: Db): Promise<number> {
  await sql`select pg_stat_force_next_flush()`.execute(db)
  const { rows } = await sql<{ count: number }>`
    select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::float8 as count from pg_stat_user_tables`.execute(
    db,
  )
  return rows[0]?.count ?? 0
}
