import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openTestDb, type TestDb } from '@copr/testkit/postgres'
import { SYSTEM } from '../audit/actor.ts'
import type { Db } from '../database/open.ts'
import { deleteProject } from '../projects/delete-project.ts'
import { deleteSecret, listSecrets, sealedSecrets, setSecret } from '../secrets/project-secrets.ts'
import { createUser } from '../users/user-queries.ts'
import { dropOldReceived, finishDelivery, listDeliveries, recordDelivery } from './deliveries.ts'
import { claimOnce, dropOldSeen, markDone, releaseClaims } from './seen.ts'

const NOW = new Date('2026-11-22T12:00:00Z')
const later = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1000)
const DAY = 86_400

let test_db: TestDb
let db: Db
let user_id: number
before(async () => {
  test_db = await openTestDb()
  db = test_db.db
  user_id = (await createUser(db, { username: 'dana', now: NOW })).id
})
after(() => test_db[Symbol.asyncDispose]())

let projects = 0
async function newProject(): Promise<{ id: number; ownername: string; name: string }> {
  const named = { ownername: 'dana', name: `project-${++projects}` }
  const { id } = await db
    .insertInto('project')
    .values({ ...named, user_id, created_at: NOW })
    .returning('id')
    .executeTakeFirstOrThrow()
  const dir = { project_id: id, name: named.name, created_at: NOW }
  await db.insertInto('project_dir').values(dir).execute()
  return { id, ...named }
}

async function record(project_id: number, at: Date, body = Buffer.from('{}')): Promise<number> {
  const unknown = { event: null, delivery_key: null, remote_address: null, replay_of: null }
  const where = { project_id, forge: 'github', package_name: null, dirname: null } as const
  const sent = { headers: {}, body, body_bytes: body.length }
  return await recordDelivery(db, { ...unknown, ...where, ...sent }, at)
}

test('claimOnce() succeeds for exactly one of several concurrent callers with the same key', async () => {
  const { id: project_id } = await newProject()
  const key = 'delivery'
  const claims = await Promise.all(
    Array.from({ length: 8 }, () => claimOnce(db, { project_id, key }, NOW)),
  )
  assert.equal(claims.filter((isMine) => isMine).length, 1)
  assert.equal(await claimOnce(db, { project_id: (await newProject()).id, key }, NOW), true)
})

test('claimOnce() can claim an interrupted key again after five minutes, but never a key that is done', async () => {
  const { id: project_id } = await newProject()
  for (const key of ['interrupted', 'done']) await claimOnce(db, { project_id, key }, NOW)
  await markDone(db, project_id, ['done'])
  const claim = async (key: string, at: Date) => await claimOnce(db, { project_id, key }, at)
  assert.equal(await claim('interrupted', later(299)), false)
  assert.equal(await claim('interrupted', later(301)), true)
  assert.equal(await claim('done', later(100 * DAY)), false)
})

test('releaseClaims() releases only keys that are not done, and dropOldSeen() deletes keys after a year', async () => {
  const { id: project_id } = await newProject()
  const keys = ['a', 'b']
  const claim = async (key: string, at = NOW) => await claimOnce(db, { project_id, key }, at)
  for (const key of keys) await claim(key)
  await markDone(db, project_id, ['a'])
  await releaseClaims(db, project_id, keys)
  assert.deepEqual([await claim('a'), await claim('b')], [false, true])
  await dropOldSeen(db, later(364 * DAY))
  assert.equal(await claim('a', later(364 * DAY)), false)
  await dropOldSeen(db, later(366 * DAY))
  assert.equal(await claim('a', later(366 * DAY)), true)
})

test('dropOldReceived() keeps at most 200 deliveries of a project, and none for more than 30 days', async () => {
  const [full, quiet] = [await newProject(), await newProject()]
  for (let i = 0; i < 203; i++) await record(full.id, later(i))
  const old = await record(quiet.id, later(-31 * DAY))
  const kept = await record(quiet.id, later(-29 * DAY))
  await dropOldReceived(db, NOW)
  const page = { limit: 1000, offset: 0, descending: false }
  const left = await listDeliveries(db, full.id, page)
  assert.deepEqual([left.length, left[0]?.received_at], [200, later(3)])
  assert.deepEqual(
    (await listDeliveries(db, quiet.id, page)).map(({ id }) => id),
    [kept],
  )
  assert.notEqual(old, kept)
})

test('recordDelivery() stores only the beginning of a long body, and finishDelivery() stores the decisions', async () => {
  const { id } = await newProject()
  const delivery = await record(id, NOW, Buffer.alloc(200 * 1024, 'x'))
  const decisions = [{ package: 'lens', build_id: null, reason: 'it is cloudy' }]
  await finishDelivery(db, delivery, { outcome: 'ignored', reason: null, decisions })
  const row = await db
    .selectFrom('webhook_delivery')
    .selectAll()
    .where('id', '=', delivery)
    .executeTakeFirstOrThrow()
  assert.deepEqual([row.body?.length, row.body_bytes], [128 * 1024, 200 * 1024])
  assert.deepEqual([row.outcome, row.decisions], ['ignored', decisions])
})

test('setSecret() replaces the secret for the same URL, and the list of secrets contains no values', async () => {
  const project = await newProject()
  const secret = { kind: 'git', url: 'https://git.example.org/', username: 'dana' } as const
  for (const sealed of ['first', 'second'])
    await setSecret(db, SYSTEM, { project, secret, sealed: Buffer.from(sealed), now: NOW })
  const [listed = assert.fail(), ...more] = await listSecrets(db, project.id)
  assert.equal(more.length, 0)
  assert.ok(!('sealed' in listed))
  const [stored] = await sealedSecrets(db, project.id, 'git')
  assert.equal(stored?.sealed.toString(), 'second')
  const at = { project, id: listed.id, now: NOW }
  assert.equal(await deleteSecret(db, SYSTEM, { ...at, project: await newProject() }), false)
  assert.equal(await deleteSecret(db, SYSTEM, at), true)
  assert.equal(await deleteSecret(db, SYSTEM, at), false)
})

test('a project has at most 50 secrets, and each of them can still be replaced', async () => {
  const project = await newProject()
  const set = async (i: number): Promise<void> => {
    const secret = { kind: 'git', url: `https://git.example.org/${i}/`, username: 'dana' } as const
    await setSecret(db, SYSTEM, { project, secret, sealed: Buffer.from('x'), now: NOW })
  }
  for (let i = 0; i < 50; i++) await set(i)
  await assert.rejects(set(50), /has 50 secrets, which is the limit/)
  await set(49)
})

test('deleteProject() deletes the secrets of the project and the payloads that it received', async () => {
  const project = await newProject()
  const secret = { kind: 'git', url: 'https://git.example.org/', username: 'dana' } as const
  await setSecret(db, SYSTEM, { project, secret, sealed: Buffer.from('x'), now: NOW })
  await record(project.id, NOW)
  await claimOnce(db, { project_id: project.id, key: 'x' }, NOW)
  await deleteProject(db, SYSTEM, project.id, NOW)
  for (const table of ['project_secret', 'webhook_delivery', 'webhook_seen'] as const) {
    const rows = await db
      .selectFrom(table)
      .select('project_id')
      .where('project_id', '=', project.id)
      .execute()
    assert.deepEqual(rows, [], table)
  }
})
