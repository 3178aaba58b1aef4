import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { openTestDb } from '@copr/testkit/postgres'
import { onTheWeb } from '../audit/actor.ts'
import { cancelBuild } from '../builds/cancel.ts'
import { finishTask, requeueTask } from '../builds/task-outcomes.ts'
import type { Db } from '../database/open.ts'
import { requestPermissions, setPermissions } from '../permissions/permissions.ts'
import { deleteProject } from '../projects/delete-project.ts'
import { claimTask } from '../queue/claim-task.ts'
import { lockBuild, refreshBuild } from '../states/build-state.ts'
import { moveChroots } from '../states/chroot-state.ts'
import { moveSource } from '../states/source-state.ts'
import { addTasks } from '../testing/add-tasks.ts'
import { fixtures } from '../testing/fixtures.ts'
import { createUser } from '../users/user-queries.ts'
import { addWebhook, disableWebhook, listWebhooks } from '../outgoing-webhooks/project-webhooks.ts'
import { setWantsMail } from './mail-recipient.ts'
import {
  claimQueue,
  dropDelivered,
  dropOldDeliveries,
  dueDeliveries,
  enableChannel,
  releaseQueue,
} from './queues.ts'

const now = new Date('2026-11-22T12:00:00Z')
const later = (seconds: number): Date => new Date(now.getTime() + seconds * 1000)
const BACKOFF = { first_seconds: 5, max_seconds: 60 }
const DANA = { id: null, username: 'dana', email: null, is_admin: false, via: 'web' }

async function machineOf(db: Db) {
  const machine = { kinds: ['source', 'rpm'], arches: ['x86_64'], tags: [] }
  const values = { ...machine, pool: 'manual', name: 'm', state: 'ready', created_at: now } as const
  const { id } = await fixtures(db)
    .insertInto('machine')
    .values({ ...values, last_seen_at: now })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { id, ...machine }
}

/** Starts the next source task and returns its lease. */
async function start(db: Db): Promise<string> {
  const lease = randomUUID()
  const task = await claimTask(db, await machineOf(db), { lease, now, lease_seconds: 30 })
  assert.ok(task)
  return lease
}

/** Lists the stored events as `event: state`, with the chroot if there is one. */
async function stored(db: Db, channel = 'amqp'): Promise<string[]> {
  const rows = await db
    .selectFrom('outbox')
    .innerJoin('outbox_queue', 'outbox_queue.id', 'outbox.queue_id')
    .select(['event', 'data'])
    .where('outbox_queue.channel', '=', channel as 'amqp')
    .orderBy('outbox.id')
    .execute()
  return rows.map(({ event, data }) => {
    const { chroot, state } = data as Record<string, string | undefined>
    return `${event}: ${chroot === undefined ? '' : `${chroot} `}${state}`
  })
}

const failed = { kind: 'failed', reason: 'test' } as const

/** Adds a chroot, and gives the build with this id a build in it. */
async function addChroot(db: Db, build_id: number, name: string): Promise<number> {
  const chroot = { os_release: 'c', os_version: name, arch: 'x86_64', distgit_branch: 'c1' }
  const { id: chroot_id } = await db
    .insertInto('chroot')
    .values({ ...chroot, name, config: '{}', created_at: now })
    .returning('id')
    .executeTakeFirstOrThrow()
  const { id } = await fixtures(db)
    .insertInto('build_chroot')
    .values({ build_id, chroot_id, state: 'waiting' })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

async function addHook(db: Db, events: Parameters<typeof addWebhook>[2]['webhook']['events']) {
  const project = await db.selectFrom('project').selectAll().executeTakeFirstOrThrow()
  const webhook = { url: 'https://hooks.example.org/', events, sealed_secret: Buffer.from('x') }
  return { project, id: await addWebhook(db, DANA, { project, webhook, now }) }
}

test('no event is stored if there is no channel or webhook for it', async () => {
  await using t = await openTestDb()
  await addTasks(t.db, now, 'dana', 1)
  await finishTask(t.db, await start(t.db), failed, now)
  assert.deepEqual(await stored(t.db), [])
})

test('the start and end events of a source build are stored by the transactions that change its state, and roll back with them', async () => {
  await using t = await openTestDb()
  await enableChannel(t.db, 'amqp', true)
  await addTasks(t.db, now, 'dana', 1)
  const lease = await start(t.db)
  assert.deepEqual(await stored(t.db), ['source.started: starting'])
  await assert.rejects(
    t.db.transaction().execute(async (tx) => {
      await lockBuild(tx, 1)
      await moveSource(tx, 1, { to: 'failed', set: { source_ended_at: now } })
      throw new Error('rolled back')
    }),
    /rolled back/,
  )
  assert.deepEqual(await stored(t.db), ['source.started: starting'])
  await finishTask(t.db, lease, failed, now)
  assert.deepEqual(await stored(t.db), ['source.started: starting', 'source.finished: failed'])
})

test('a start event is stored only for the first attempt', async () => {
  await using t = await openTestDb()
  await enableChannel(t.db, 'amqp', true)
  await addTasks(t.db, now, 'dana', 1)
  const options = { reason: 'lost', max_attempts: 3, now }
  assert.equal(await requeueTask(t.db, await start(t.db), options), 'queued')
  await finishTask(t.db, await start(t.db), failed, now)
  assert.deepEqual(await stored(t.db), ['source.started: starting', 'source.finished: failed'])
})

test('the message bus gets no event for work that never started, but a webhook gets the end events', async () => {
  await using t = await openTestDb()
  await enableChannel(t.db, 'amqp', true)
  await addTasks(t.db, now, 'dana', 1)
  await addHook(t.db, ['chroot.finished', 'build.finished'])
  await addChroot(t.db, 1, 'c-1-x86_64')
  await cancelBuild(t.db, DANA, 1, now)
  assert.deepEqual(await stored(t.db), [])
  assert.deepEqual(await stored(t.db, 'webhook'), [
    'chroot.finished: c-1-x86_64 canceled',
    'build.finished: canceled',
  ])
})

test('the data of an event contains the build and its state in each chroot', async () => {
  await using t = await openTestDb()
  await addTasks(t.db, now, 'dana', 1)
  await addHook(t.db, ['build.finished'])
  const ids = [await addChroot(t.db, 1, 'c-1-x86_64'), await addChroot(t.db, 1, 'c-2-x86_64')]
  await fixtures(t.db)
    .updateTable('build')
    .set({ source_state: 'succeeded', package_version: '1.0-2' })
    .execute()
  await t.db.transaction().execute(async (tx) => {
    await lockBuild(tx, 1)
    await moveChroots(tx, ids, { to: 'failed', set: { ended_at: now } })
    await refreshBuild(tx, 1, now)
    await refreshBuild(tx, 1, now)
  })
  const { data, created_at } = await t.db
    .selectFrom('outbox')
    .select(['data', 'created_at'])
    .executeTakeFirstOrThrow()
  const { name } = await t.db.selectFrom('project').select('name').executeTakeFirstOrThrow()
  assert.deepEqual(data, {
    ownername: 'dana',
    projectname: name,
    project_dirname: 'p',
    build_id: 1,
    submitter: null,
    package: { name: null, version: '1.0-2' },
    state: 'failed',
    chroots: { 'c-1-x86_64': 'failed', 'c-2-x86_64': 'failed' },
  })
  assert.deepEqual(created_at, now)
})

test('only the oldest event of each build may be sent, and the next one follows after its delivery', async () => {
  await using t = await openTestDb()
  await enableChannel(t.db, 'amqp', true)
  await addTasks(t.db, now, 'dana', 2)
  await finishTask(t.db, await start(t.db), failed, now)
  await finishTask(t.db, await start(t.db), failed, now)
  const claim = { lease: 'a', now, lease_seconds: 30 }
  const queue = await claimQueue(t.db, 'amqp', claim)
  assert.ok(queue)
  const due = async () =>
    (await dueDeliveries(t.db, queue.id, { now, limit: 9 })).map(({ id, ordering, event }) => ({
      id,
      text: `${ordering} ${event}`,
    }))
  const first = await due()
  assert.deepEqual(
    first.map(({ text }) => text),
    ['build 1 source.started', 'build 2 source.started'],
  )
  await dropDelivered(t.db, [first[1]?.id ?? 0])
  assert.deepEqual(
    (await due()).map(({ text }) => text),
    ['build 1 source.started', 'build 2 source.finished'],
  )
})

test('claimQueue() leases a queue to one process at a time; an expired lease can be claimed again', async () => {
  await using t = await openTestDb()
  await enableChannel(t.db, 'amqp', true)
  await addTasks(t.db, now, 'dana', 1)
  await start(t.db)
  const claims = ['a', 'b', 'c'].map((lease) =>
    claimQueue(t.db, 'amqp', { lease, now, lease_seconds: 30 }),
  )
  assert.equal((await Promise.all(claims)).filter(Boolean).length, 1)
  assert.equal(await claimQueue(t.db, 'mail', { lease: 'd', now, lease_seconds: 30 }), undefined)
  assert.ok(await claimQueue(t.db, 'amqp', { lease: 'e', now: later(31), lease_seconds: 30 }))
})

test('releaseQueue() doubles the delay after each failure up to a limit, and resets it after a success', async () => {
  await using t = await openTestDb()
  await enableChannel(t.db, 'amqp', true)
  await addTasks(t.db, now, 'dana', 1)
  await start(t.db)
  const waits: number[] = []
  let at = now
  for (let failures = 0; failures < 6; failures++) {
    const queue = await claimQueue(t.db, 'amqp', { lease: 'a', now: at, lease_seconds: 30 })
    assert.ok(queue, `failure ${failures}`)
    const failure = { reason: 'away', backoff: BACKOFF }
    await releaseQueue(t.db, { id: queue.id, lease: 'a', now: at, failed: failure })
    const { retry_at } = await t.db
      .selectFrom('outbox_queue')
      .select('retry_at')
      .executeTakeFirstOrThrow()
    assert.ok(retry_at)
    waits.push((retry_at.getTime() - at.getTime()) / 1000)
    const early = new Date(retry_at.getTime() - 1)
    assert.equal(
      await claimQueue(t.db, 'amqp', { lease: 'b', now: early, lease_seconds: 30 }),
      undefined,
    )
    at = retry_at
  }
  assert.deepEqual(waits, [5, 10, 20, 40, 60, 60])
  const queue = await claimQueue(t.db, 'amqp', { lease: 'c', now: at, lease_seconds: 30 })
  assert.deepEqual(queue?.failing_since, now)
  await releaseQueue(t.db, { id: queue?.id ?? 0, lease: 'c', now: at })
  const { failures, failing_since } = await t.db
    .selectFrom('outbox_queue')
    .select(['failures', 'failing_since'])
    .executeTakeFirstOrThrow()
  assert.deepEqual({ failures, failing_since }, { failures: 0, failing_since: null })
})

test('a disabled channel stores no new events, but keeps queued ones until they are too old', async () => {
  await using t = await openTestDb()
  await enableChannel(t.db, 'amqp', true)
  await addTasks(t.db, now, 'dana', 2)
  await start(t.db)
  await enableChannel(t.db, 'amqp', false)
  await start(t.db)
  assert.equal((await stored(t.db)).length, 1)
  assert.equal(await claimQueue(t.db, 'amqp', { lease: 'a', now, lease_seconds: 30 }), undefined)
  await dropOldDeliveries(t.db, now)
  assert.equal((await stored(t.db)).length, 1)
  await dropOldDeliveries(t.db, later(1))
  assert.equal((await stored(t.db)).length, 0)
})

test('a disabled webhook gets no new events, and its queued deliveries end as failed', async () => {
  await using t = await openTestDb()
  await addTasks(t.db, now, 'dana', 2)
  await t.db.updateTable('build').set({ project_id: 1 }).execute()
  const { project, id } = await addHook(t.db, ['source.started'])
  await start(t.db)
  const [webhook] = await listWebhooks(t.db, project.id)
  assert.equal(webhook?.waiting, 1)
  await disableWebhook(t.db, DANA, { project, webhook: { id, url: '' }, reason: 'gone', now })
  await start(t.db)
  assert.deepEqual(await stored(t.db, 'webhook'), ['source.started: starting'])
  const rows = await t.db.selectFrom('outbox').select(['outcome', 'answer']).execute()
  assert.deepEqual(rows, [{ outcome: 'failed', answer: 'The webhook was disabled' }])
})

test('deleting a project deletes its webhooks and their queued deliveries', async () => {
  await using t = await openTestDb()
  await addTasks(t.db, now, 'dana', 1)
  const { project } = await addHook(t.db, ['source.started', 'source.finished'])
  await finishTask(t.db, await start(t.db), failed, now)
  assert.equal((await stored(t.db, 'webhook')).length, 2)
  await deleteProject(t.db, DANA, project.id, now)
  assert.equal((await stored(t.db, 'webhook')).length, 0)
  assert.deepEqual(await t.db.selectFrom('outbox_queue').select('id').execute(), [])
})

test('a role request is mailed to those who can decide it, and the decision to the user; nobody gets mail about their own action', async () => {
  await using t = await openTestDb()
  await enableChannel(t.db, 'mail', true)
  await addTasks(t.db, now, 'dana', 1)
  const project = await t.db.selectFrom('project').selectAll().executeTakeFirstOrThrow()
  await t.db.updateTable('user_account').set({ email: 'dana@example.org' }).execute()
  const dana = await t.db.selectFrom('user_account').selectAll().executeTakeFirstOrThrow()
  const kim = await createUser(t.db, { username: 'kim', email: 'kim@example.org', now })
  const ada = await createUser(t.db, { username: 'ada', email: 'ada@example.org', now })
  const silent = await createUser(t.db, { username: 'silent', email: 's@example.org', now })
  const admins = { ada: { admin: 'approved' }, silent: { admin: 'approved' } } as const
  await setPermissions(t.db, onTheWeb(ada), { project, wanted: admins, now })
  await setWantsMail(t.db, silent.id, false)
  const mails = async (): Promise<unknown[]> => {
    const rows = await t.db.deleteFrom('outbox').returning(['event', 'ordering', 'data']).execute()
    return rows.map(({ event, ordering, data }) => [event, ordering, data['roles']])
  }
  assert.deepEqual(await mails(), [
    ['permission.changed', `user ${silent.id}`, { admin: 'approved' }],
  ])
  await requestPermissions(t.db, onTheWeb(kim), { project, roles: { builder: true }, now })
  assert.deepEqual(await mails(), [
    ['permission.requested', `user ${dana.id}`, { builder: 'request' }],
    ['permission.requested', `user ${ada.id}`, { builder: 'request' }],
  ])
  const wanted = { kim: { builder: 'approved' } } as const
  await setPermissions(t.db, onTheWeb(dana), { project, wanted, now })
  assert.deepEqual(await mails(), [
    ['permission.changed', `user ${kim.id}`, { builder: 'approved' }],
  ])
})
