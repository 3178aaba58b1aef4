import { COMMAND } from '../audit/actor.ts'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { openTestDb } from '@copr/testkit/postgres'
import { cancelBuild, deleteBuilds } from '../builds/cancel.ts'
import { submitBuild } from '../builds/submit.ts'
import type { Db } from '../database/open.ts'
import { createMachine, enrollMachine, machineOfSession } from '../machines/machines.ts'
import { machineGone } from '../builds/lost-machines.ts'
import { addMembers } from '../builds/add-members.ts'
import { claimTask } from './claim-task.ts'
import { claimPublish, lockLeased, renewLease, type TaskRow } from './leases.ts'
import {
  finishTask,
  requeueExpired,
  requeueTask,
  type TaskOutcome,
} from '../builds/task-outcomes.ts'

const now = new Date('2026-11-22T12:00:00Z')
const later = (seconds: number): Date => new Date(now.getTime() + seconds * 1000)
const LIMITS = { max_upload_bytes: 1e6, max_unpacked_bytes: 1e6 }
const COMMIT = 'a'.repeat(40)

/** Creates a user and a project with two chroots. */
async function makeProject(
  db: Db,
): Promise<{ project: { id: number; ownername: string; name: string }; submitter_id: number }> {
  const user = await db
    .insertInto('user_account')
    .values({ username: 'dana', created_at: now })
    .returning('id')
    .executeTakeFirstOrThrow()
  const project = await db
    .insertInto('project')
    .values({ ownername: 'dana', name: 'telescope', user_id: user.id, created_at: now })
    .returning(['id', 'ownername', 'name'])
    .executeTakeFirstOrThrow()
  await db
    .insertInto('project_dir')
    .values({ project_id: project.id, name: 'telescope', created_at: now })
    .execute()
  for (const [name, arch] of [
    ['debian-12-x86_64', 'x86_64'],
    ['debian-12-aarch64', 'aarch64'],
  ] as const) {
    const config = { name, comment: '', repos: [], install: [], macros: {}, tags: [] }
    const chroot = await db
      .insertInto('chroot')
      .values({
        name,
        os_release: 'debian',
        os_version: '12',
        arch,
        distgit_branch: 'debian12',
        config: JSON.stringify(config),
        created_at: now,
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    await db
      .insertInto('project_chroot')
      .values({ project_id: project.id, chroot_id: chroot.id })
      .execute()
  }
  return { project, submitter_id: user.id }
}

const facts = {
  name: 'lenscap',
  version: '1.4-3',
  srpm_name: 'lenscap-1.4-3.src.rpm',
  exclusive_arch: [],
  exclude_arch: [],
}

async function submit(
  db: Db,
  options: Partial<Parameters<typeof submitBuild>[1]> = {},
): Promise<number> {
  const made = await db
    .selectFrom('project')
    .select(['id', 'ownername', 'name', 'user_id'])
    .executeTakeFirst()
  const { project, submitter_id } = made
    ? { project: made, submitter_id: made.user_id }
    : await makeProject(db)
  return await submitBuild(
    db,
    {
      project,
      submitter_id,
      source: { type: 'upload', json: {}, facts, bytes: 1000 },
      chroots: null,
      timeout_seconds: 60,
      limits: LIMITS,
      ...options,
    },
    now,
  )
}

async function makeMachine(
  db: Db,
  arches: string[],
): Promise<{ id: number; kinds: string[]; arches: string[]; tags: string[] }> {
  const { enroll_token } = await createMachine(db, {
    pool: 'test',
    name: 'm',
    kinds: ['source', 'import', 'rpm'],
    now,
  })
  const enrolled = await enrollMachine(db, {
    enroll_token,
    name: 'm',
    kinds: ['source', 'import', 'rpm'],
    arches,
    tags: [],
    now,
  })
  assert.ok(enrolled)
  const machine = await machineOfSession(db, enrolled.session_token, now)
  assert.ok(machine)
  return machine
}

async function claim(
  db: Db,
  machine: Parameters<typeof claimTask>[1],
  at = now,
): Promise<TaskRow | undefined> {
  return await claimTask(db, machine, { lease: randomUUID(), now: at, lease_seconds: 30 })
}

async function finish(db: Db, task: TaskRow, outcome: TaskOutcome): Promise<void> {
  assert.ok(await finishTask(db, task.lease ?? '', outcome, now), 'the lease is lost')
}

async function importBuild(db: Db, machine: Parameters<typeof claimTask>[1]): Promise<void> {
  const task = await claim(db, machine)
  assert.equal(task?.kind, 'import')
  await finish(db, task, {
    kind: 'import',
    branch_commits: { debian12: COMMIT },
    source_bytes: 1000,
  })
}

const stateOf = async (db: Db, id: number): Promise<string | undefined> =>
  (await db.selectFrom('build').select('state').where('id', '=', id).executeTakeFirst())?.state

const chrootStates = async (db: Db, id: number): Promise<Record<string, string>> => {
  const rows = await db
    .selectFrom('build_chroot')
    .innerJoin('chroot', 'chroot.id', 'build_chroot.chroot_id')
    .select(['chroot.arch', 'build_chroot.state'])
    .where('build_id', '=', id)
    .execute()
  return Object.fromEntries(rows.map((row) => [row.arch, row.state]))
}

test('a build proceeds from upload through import and build to publishing', async () => {
  await using t = await openTestDb()
  const id = await submit(t.db)
  assert.equal(await stateOf(t.db, id), 'importing')
  const machine = await makeMachine(t.db, ['x86_64'])
  await importBuild(t.db, machine)
  assert.equal(await stateOf(t.db, id), 'pending')
  const task = await claim(t.db, machine)
  assert.equal(task?.task_id, `${id}-debian-12-x86_64`)
  assert.equal(await stateOf(t.db, id), 'starting')
  assert.deepEqual(await renewLease(t.db, { lease: task.lease ?? '', now, lease_seconds: 30 }), {
    cancel: false,
  })
  assert.equal(await stateOf(t.db, id), 'running')
  await finish(t.db, task, { kind: 'rpm', files: [], seconds: { rpmbuild: 1 } })
  const publish = await claimPublish(t.db, { lease: 'p', now, lease_seconds: 30 })
  assert.deepEqual(publish?.payload, [])
  assert.equal(await stateOf(t.db, id), 'running', 'it succeeds when the repository is published')
})

test('concurrent claimTask() calls give each task to exactly one machine', async () => {
  await using t = await openTestDb()
  for (let i = 0; i < 5; i++) await submit(t.db)
  const machine = await makeMachine(t.db, [])
  const claimed: number[] = []
  // A claim skips rows that another claim has locked, so tasks may be left after a round; in production, a notification starts the next
  // round.
  for (let round = 0; round < 5 && claimed.length < 5; round++) {
    const tasks = await Promise.all(Array.from({ length: 8 }, () => claim(t.db, machine)))
    claimed.push(...tasks.flatMap((task) => task?.id ?? []))
  }
  assert.equal(claimed.length, 5)
  assert.equal(new Set(claimed).size, 5)
})

test('claimTask() matches architecture and tags', async () => {
  await using t = await openTestDb()
  await submit(t.db)
  await importBuild(t.db, await makeMachine(t.db, []))
  assert.equal(await claim(t.db, await makeMachine(t.db, ['s390x'])), undefined)
  assert.match((await claim(t.db, await makeMachine(t.db, ['aarch64'])))?.task_id ?? '', /aarch64$/)
})

test('a build with after_build_id starts when that build has finished', async () => {
  await using t = await openTestDb()
  const first = await submit(t.db)
  const second = await submit(t.db, { after_build_id: first })
  const machine = await makeMachine(t.db, ['x86_64'])
  assert.equal((await claim(t.db, machine))?.build_id, first)
  assert.equal(await claim(t.db, machine), undefined)
  await cancelBuild(t.db, COMMAND, first, now)
  assert.equal((await claim(t.db, machine))?.build_id, second)
})

test('an expired lease requeues the task, and its previous holder is refused', async () => {
  await using t = await openTestDb()
  const id = await submit(t.db)
  const machine = await makeMachine(t.db, ['x86_64'])
  await importBuild(t.db, machine)
  const task = await claim(t.db, machine)
  assert.ok(task)
  assert.equal(await requeueExpired(t.db, { now: later(29), max_attempts: 3 }), 0)
  assert.equal(await requeueExpired(t.db, { now: later(31), max_attempts: 3 }), 1)
  assert.equal(await stateOf(t.db, id), 'pending')
  assert.equal(
    await renewLease(t.db, { lease: task.lease ?? '', now, lease_seconds: 30 }),
    undefined,
  )
  await t.db
    .transaction()
    .execute(async (tx) => assert.equal(await lockLeased(tx, task.lease ?? ''), undefined))
  assert.equal((await claim(t.db, machine, later(32)))?.id, task.id)
})

test('a lease that is renewed at the last moment is kept', async () => {
  await using t = await openTestDb()
  await submit(t.db)
  const task = await claim(t.db, await makeMachine(t.db, ['x86_64']))
  const lease = task?.lease ?? ''
  // The lease is renewed after the query for expired leases and before the lock.
  await renewLease(t.db, { lease, now: later(31), lease_seconds: 30 })
  const lost = { reason: 'lost', max_attempts: 3, now: later(32), only_expired: true }
  assert.equal(await requeueTask(t.db, lease, lost), undefined)
  assert.deepEqual(await renewLease(t.db, { lease, now: later(33), lease_seconds: 30 }), {
    cancel: false,
  })
})

test('a task whose machine is lost in every attempt fails after the last one, with the reason', async () => {
  await using t = await openTestDb()
  const id = await submit(t.db)
  const machine = await makeMachine(t.db, ['x86_64'])
  for (const minute of [1, 2]) {
    assert.ok(await claim(t.db, machine, later(60 * minute)))
    await requeueExpired(t.db, { now: later(60 * minute + 31), max_attempts: 2 })
  }
  const build = await t.db
    .selectFrom('build')
    .select(['state', 'fail_reason'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  assert.equal(build.state, 'failed')
  assert.match(build.fail_reason ?? '', /Failed after 2 attempts.*stopped sending heartbeats/)
})

test('machineGone() requeues the tasks of the machine at once', async () => {
  await using t = await openTestDb()
  await submit(t.db)
  const machine = await makeMachine(t.db, ['x86_64'])
  assert.ok(await claim(t.db, machine))
  await machineGone(t.db, machine.id, { reason: 'killed', max_attempts: 3, now })
  assert.ok(await claim(t.db, await makeMachine(t.db, ['x86_64'])))
})

test('cancelBuild() ends queued tasks and cancels running ones, whose late results change nothing', async () => {
  await using t = await openTestDb()
  const id = await submit(t.db)
  const machine = await makeMachine(t.db, ['x86_64'])
  await importBuild(t.db, machine)
  const task = await claim(t.db, machine)
  assert.ok(task)
  await cancelBuild(t.db, COMMAND, id, now)
  assert.equal(await stateOf(t.db, id), 'canceled')
  assert.deepEqual(await chrootStates(t.db, id), { x86_64: 'canceled', aarch64: 'canceled' })
  assert.deepEqual(await renewLease(t.db, { lease: task.lease ?? '', now, lease_seconds: 30 }), {
    cancel: true,
  })
  await finish(t.db, task, { kind: 'rpm', files: [], seconds: undefined })
  assert.equal(await claimPublish(t.db, { lease: 'p', now, lease_seconds: 30 }), undefined)
  assert.equal(await stateOf(t.db, id), 'canceled')
  await assert.rejects(cancelBuild(t.db, COMMAND, id, now), /finished already/)
})

test('publishing is retried until it succeeds, however often its lease expires', async () => {
  await using t = await openTestDb()
  const id = await submit(t.db)
  const machine = await makeMachine(t.db, ['x86_64'])
  await importBuild(t.db, machine)
  const task = await claim(t.db, machine)
  assert.ok(task)
  await finish(t.db, task, { kind: 'rpm', files: [], seconds: undefined })
  for (const minute of [1, 2, 3]) {
    const lease = `attempt ${minute}`
    assert.ok(await claimPublish(t.db, { lease, now: later(60 * minute), lease_seconds: 30 }))
    assert.equal(await requeueExpired(t.db, { now: later(60 * minute + 31), max_attempts: 2 }), 1)
  }
  assert.equal((await chrootStates(t.db, id))['x86_64'], 'running')
})

test('cancelBuild() does not touch results that are members of a repository', async () => {
  await using t = await openTestDb()
  await makeProject(t.db)
  const id = await submit(t.db, { chroots: ['debian-12-x86_64'] })
  const machine = await makeMachine(t.db, ['x86_64'])
  await importBuild(t.db, machine)
  const task = await claim(t.db, machine)
  assert.ok(task)
  await finish(t.db, task, { kind: 'rpm', files: [], seconds: undefined })
  await claimPublish(t.db, { lease: 'p', now, lease_seconds: 30 })
  const added = { lease: 'p', packages: [], members: [], result_bytes: 0, now }
  assert.equal(await addMembers(t.db, added), 'added')
  await assert.rejects(cancelBuild(t.db, COMMAND, id, now), /finished already/)
  assert.deepEqual(await chrootStates(t.db, id), { x86_64: 'running' })
})

test('chroots that the spec file excludes are skipped, with the reason', async () => {
  await using t = await openTestDb()
  const { project, submitter_id } = await makeProject(t.db)
  const source = {
    type: 'upload',
    json: {},
    facts: { ...facts, exclude_arch: ['aarch64'] },
    bytes: 1000,
  } as const
  const id = await submitBuild(
    t.db,
    { project, submitter_id, source, chroots: null, timeout_seconds: 60, limits: LIMITS },
    now,
  )
  assert.deepEqual(await chrootStates(t.db, id), { x86_64: 'waiting', aarch64: 'skipped' })
})

for (const [what, arches, aarch64] of [
  ['ExclusiveArch: %{lens_arches}', { exclusive_arch: ['%{lens_arches}'] }, 'waiting'],
  ['ExclusiveArch: s390x %lens_arches', { exclusive_arch: ['s390x', '%lens_arches'] }, 'waiting'],
  ['ExcludeArch: %{lens_arches}', { exclude_arch: ['%{lens_arches}'] }, 'waiting'],
  ['ExcludeArch: aarch64 %{more}', { exclude_arch: ['aarch64', '%{more}'] }, 'skipped'],
] as const)
  test(`an unexpanded macro excludes no chroot: ${what}`, async () => {
    await using t = await openTestDb()
    const source = {
      type: 'upload',
      json: {},
      facts: { ...facts, ...arches },
      bytes: 1000,
    } as const
    const id = await submit(t.db, { source })
    assert.deepEqual(await chrootStates(t.db, id), { x86_64: 'waiting', aarch64 })
  })

test('a builder downloads a linked SRPM before its import', async () => {
  await using t = await openTestDb()
  const id = await submit(t.db, {
    source: { type: 'link', json: { url: 'https://example.org/x.src.rpm' } },
  })
  const machine = await makeMachine(t.db, ['x86_64'])
  const task = await claim(t.db, machine)
  assert.equal(task?.kind, 'source')
  assert.equal(await stateOf(t.db, id), 'starting')
  await finish(t.db, task, { kind: 'source', facts })
  assert.equal(await stateOf(t.db, id), 'importing')
  await importBuild(t.db, machine)
  assert.equal(await stateOf(t.db, id), 'pending')
})

test('a build from a link skips the chroots that its spec file excludes, even if requested by name', async () => {
  await using t = await openTestDb()
  const id = await submit(t.db, {
    source: { type: 'link', json: { url: 'https://example.org/x.src.rpm' } },
    chroots: ['debian-12-x86_64', 'debian-12-aarch64'],
  })
  const task = await claim(t.db, await makeMachine(t.db, []))
  assert.ok(task)
  const excluding = { ...facts, exclude_arch: ['aarch64'] }
  await finish(t.db, task, { kind: 'source', facts: excluding })
  assert.deepEqual(await chrootStates(t.db, id), { x86_64: 'waiting', aarch64: 'skipped' })
})

test('a build from a link fails when no chroot is left, and leaves no task queued', async () => {
  await using t = await openTestDb()
  const id = await submit(t.db, {
    source: { type: 'link', json: { url: 'https://example.org/x.src.rpm' } },
    chroots: ['debian-12-x86_64'],
  })
  const task = await claim(t.db, await makeMachine(t.db, []))
  assert.ok(task)
  await t.db.updateTable('project_chroot').set({ is_enabled: false }).execute()
  await finish(t.db, task, { kind: 'source', facts })
  assert.equal(await stateOf(t.db, id), 'failed')
  assert.deepEqual(await chrootStates(t.db, id), { x86_64: 'skipped' })
})

test('if the source of a build fails, the build fails with the same reason', async () => {
  await using t = await openTestDb()
  const id = await submit(t.db, {
    source: { type: 'link', json: { url: 'https://example.org/x.src.rpm' } },
    chroots: ['debian-12-x86_64'],
  })
  const task = await claim(t.db, await makeMachine(t.db, []))
  assert.ok(task)
  await finish(t.db, task, { kind: 'failed', reason: 'the server answered 404' })
  const build = await t.db
    .selectFrom('build')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  assert.equal(build.state, 'failed')
  assert.equal(build.fail_reason, 'the server answered 404')
  assert.deepEqual(build.finished_at, now)
  assert.deepEqual(await chrootStates(t.db, id), { x86_64: 'failed' })
})

test('a build finishes when the last of its chroots finishes', async () => {
  await using t = await openTestDb()
  await submit(t.db)
  const machine = await makeMachine(t.db, [])
  await importBuild(t.db, machine)
  const finishedAt = async (): Promise<Date | null> => {
    const task = await claim(t.db, await makeMachine(t.db, ['x86_64', 'aarch64']))
    assert.ok(task)
    await finish(t.db, task, { kind: 'failed', reason: 'It broke' })
    const build = t.db.selectFrom('build').select('finished_at')
    return (await build.executeTakeFirstOrThrow()).finished_at
  }
  assert.equal(await finishedAt(), null)
  assert.deepEqual(await finishedAt(), now)
})

test('deleteBuilds() refuses unfinished builds, and keeps nothing of a finished one except the pending removal of its folders', async () => {
  await using t = await openTestDb()
  const id = await submit(t.db)
  await assert.rejects(deleteBuilds(t.db, COMMAND, [id], now), /is not finished/)
  await cancelBuild(t.db, COMMAND, id, now)
  await deleteBuilds(t.db, COMMAND, [id], now)
  assert.equal(await stateOf(t.db, id), undefined)
  const removals = await t.db.selectFrom('removal').select('path').execute()
  assert.deepEqual(removals, [
    { path: `dana/telescope/srpm-builds/${String(id).padStart(8, '0')}` },
  ])
})
