import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDb } from '@copr/testkit/postgres'
import type { Db } from '../database/open.ts'
import { createGroup } from '../groups/create-group.ts'
import { addMember } from '../groups/memberships.ts'
import { type Actor, COMMAND, onTheWeb, type UserActor } from '../audit/actor.ts'
import { createUser } from '../users/user-queries.ts'
import { canCreateFor, requireRight, rightsIn } from './project-access.ts'

const now = new Date('2026-11-22T12:00:00Z')
const ALL = 'build edit delete'

const userNamed = async (db: Db, username: string): Promise<UserActor> =>
  onTheWeb(await createUser(db, { username, now }))

async function projectOf(db: Db, ownername: string, user_id: number, persistent = false) {
  const name = persistent ? 'for-ever' : 'telescope'
  return await db
    .insertInto('project')
    .values({ ownername, name, user_id, persistent, created_at: now })
    .returning(['id', 'ownername', 'name', 'persistent'])
    .executeTakeFirstOrThrow()
}

async function namesOfRights(
  db: Db,
  actor: Actor | undefined,
  project: Parameters<typeof rightsIn>[2],
): Promise<string> {
  const rights = Object.entries(await rightsIn(db, actor, project))
  return rights.flatMap(([right, has]) => (has ? right : [])).join(' ')
}

for (const [admin, builder, want] of [
  ['nothing', 'nothing', ''],
  ['request', 'request', ''],
  ['nothing', 'approved', 'build'],
  ['request', 'approved', 'build'],
  ['approved', 'nothing', 'build edit'],
  ['approved', 'approved', 'build edit'],
] as const)
  test(`rightsIn() gives "${want}" with the roles admin: ${admin}, builder: ${builder}`, async () => {
    await using t = await openTestDb()
    const dana = await userNamed(t.db, 'dana')
    const kim = await userNamed(t.db, 'kim')
    const project = await projectOf(t.db, 'dana', dana.id)
    const roles = { project_id: project.id, user_id: kim.id, admin, builder }
    await t.db.insertInto('project_permission').values(roles).execute()
    assert.equal(await namesOfRights(t.db, kim, project), want)
  })

test('rightsIn() grants all rights to the owner and to site administrators, and none to others', async () => {
  await using t = await openTestDb()
  const dana = await userNamed(t.db, 'dana')
  const kim = await userNamed(t.db, 'kim')
  const project = await projectOf(t.db, 'dana', dana.id)
  const kept = await projectOf(t.db, 'dana', dana.id, true)
  assert.equal(await namesOfRights(t.db, dana, project), ALL)
  assert.equal(await namesOfRights(t.db, { ...kim, is_admin: true }, project), ALL)
  assert.equal(await namesOfRights(t.db, kim, project), '')
  assert.equal(await namesOfRights(t.db, undefined, project), '')
  assert.equal(await namesOfRights(t.db, dana, kept), 'build edit')
  await assert.rejects(requireRight(t.db, COMMAND, kept, 'delete'), /is persistent/)
})

test('members of a group have the rights of that group, but not those of another group', async () => {
  await using t = await openTestDb()
  const [dana, kim] = [await userNamed(t.db, 'dana'), await userNamed(t.db, 'kim')]
  for (const [name, user] of [
    ['orbit', dana],
    ['comet', kim],
  ] as const) {
    const group = await createGroup(t.db, COMMAND, { name, now })
    await addMember(t.db, COMMAND, { group, user }, now)
  }
  const project = await projectOf(t.db, '@orbit', dana.id)
  assert.equal(await namesOfRights(t.db, dana, project), ALL)
  assert.equal(await namesOfRights(t.db, kim, project), '')
  assert.equal(await canCreateFor(t.db, dana, '@orbit'), true)
  assert.equal(await canCreateFor(t.db, kim, '@orbit'), false)
  assert.equal(await canCreateFor(t.db, kim, 'orbit'), false)
})

test('a token for one project grants no rights in another, and cannot create projects', async () => {
  await using t = await openTestDb()
  const dana = await userNamed(t.db, 'dana')
  const project = await projectOf(t.db, 'dana', dana.id)
  const other = await projectOf(t.db, 'dana', dana.id, true)
  const bound = { ...dana, limits: { scopes: null, project_id: project.id } }
  assert.equal(await namesOfRights(t.db, bound, project), ALL)
  assert.equal(await namesOfRights(t.db, bound, other), '')
  await assert.rejects(
    requireRight(t.db, bound, other, 'edit'),
    /restricted to a project other than/,
  )
  assert.equal(await canCreateFor(t.db, bound, 'dana'), false)
  assert.equal(await canCreateFor(t.db, dana, 'dana'), true)
  assert.equal(await canCreateFor(t.db, dana, 'kim'), false)
})
