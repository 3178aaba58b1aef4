import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browse } from '../testing/browse.ts'
import { openTestFrontend } from '../testing/test-frontend.ts'

const MINE = '/groups/list/my/'
const ACTIVATE = '/groups/activate/star%20gazers/'

test('a member of a group at the identity provider can activate it as a project owner, but only once', async () => {
  await using t = await openTestFrontend()
  await t.db
    .updateTable('user_account')
    .set({ provider_groups: ['star gazers'] })
    .execute()
  const dana = await browse(t, 'dana')
  assert.match((await dana.get(MINE)).text, /You are not in a group[^]*star gazers/)
  assert.equal((await dana.get('/groups/activate/others/')).status, 403)
  const refused = await dana.post(ACTIVATE, { name: '../x' }, ACTIVATE)
  assert.equal(refused.status, 400)
  const { status, location } = await dana.post(ACTIVATE, { name: 'orbit' }, ACTIVATE)
  assert.deepEqual([status, location], [303, '/coprs/g/orbit/'])
  assert.match((await (await browse(t, 'kim')).get(MINE)).text, /@orbit/)
  assert.equal((await dana.get('/coprs/g/orbit/')).status, 200)
  assert.equal((await dana.get('/coprs/g/none/')).status, 404)
  assert.equal((await dana.get(ACTIVATE)).status, 409)
  const json = { name: 'telescope', chroots: ['debian-12-x86_64'] }
  assert.equal((await t.ask('/api_3/project/add/@orbit', { as: 'kim', json })).status, 200)
})

test('the pages of groups require a login', async () => {
  await using t = await openTestFrontend()
  assert.equal((await (await browse(t)).get(MINE)).status, 303)
})
