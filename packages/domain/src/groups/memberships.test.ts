import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDb } from '@copr/testkit/postgres'
import { COMMAND, onTheWeb } from '../audit/actor.ts'
import { createUser } from '../users/user-queries.ts'
import { activateGroup, createGroup } from './create-group.ts'
import { groupsOfUser, listMembers } from './group-queries.ts'
import { addMember, removeMember, syncMemberships } from './memberships.ts'

const now = new Date('2026-11-22T12:00:00Z')

test('only logins change the members of a group that the identity provider manages', async () => {
  await using t = await openTestDb()
  const { db } = t
  const user = await createUser(db, { username: 'dana', now })
  const group = await createGroup(db, COMMAND, { name: 'orbit', provider_group: 'stars', now })
  const local = await createGroup(db, COMMAND, { name: 'local', now })
  await assert.rejects(addMember(db, COMMAND, { group, user }, now), /they come from stars/)
  await assert.rejects(removeMember(db, COMMAND, { group, user }, now), /they come from stars/)
  assert.equal(await addMember(db, COMMAND, { group: local, user }, now), true)
  assert.equal(await addMember(db, COMMAND, { group: local, user }, now), false)
  const groupsAfter = async (provider_groups: string[]): Promise<string[]> => {
    const login = { user, provider_groups }
    await db.transaction().execute((tx) => syncMemberships(tx, COMMAND, login, now))
    return (await groupsOfUser(db, user.id)).map(({ name }) => name)
  }
  assert.deepEqual(await groupsAfter(['stars', 'unknown']), ['local', 'orbit'])
  assert.deepEqual(await groupsAfter(['stars']), ['local', 'orbit'])
  assert.deepEqual(await groupsAfter([]), ['local'])
})

test('activateGroup() requires the user to be in the group at the identity provider', async () => {
  await using t = await openTestDb()
  const { db } = t
  const dana = onTheWeb(await createUser(db, { username: 'dana', now }))
  const kim = onTheWeb(await createUser(db, { username: 'kim', now }))
  await db
    .updateTable('user_account')
    .set({ provider_groups: ['stars'] })
    .where('id', '=', dana.id)
    .execute()
  const wanted = { provider_group: 'stars', name: 'orbit', now }
  await assert.rejects(activateGroup(db, kim, wanted), { kind: 'forbidden' })
  const { id } = await activateGroup(db, dana, wanted)
  assert.deepEqual(
    (await listMembers(db, id)).map(({ username }) => username),
    ['dana'],
  )
  await assert.rejects(activateGroup(db, dana, { ...wanted, name: 'other' }), { kind: 'conflict' })
})
