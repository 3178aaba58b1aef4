import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addTelescope, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'

const SET = '/api_3/project/permissions/set/dana/telescope'
const GET = '/api_3/project/permissions/get/dana/telescope'
const REQUEST = '/api_3/project/permissions/request/dana/telescope'
const canBuild = (who: string) => `/api_3/project/permissions/can_build_in/${who}/dana/telescope`

const put = (t: TestFrontend, path: string, as: 'dana' | 'kim', json: unknown) =>
  t.ask(path, { method: 'PUT', as, json })

test('a role is requested, granted, used and revoked', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  assert.equal((await t.ask(GET, { as: 'dana' })).status, 404)
  const asked = { admin: true, builder: true }
  assert.deepEqual(await (await put(t, REQUEST, 'kim', asked)).json(), { updated: true })
  assert.deepEqual(await (await put(t, REQUEST, 'kim', asked)).json(), { updated: false })
  assert.deepEqual(await t.get(GET, { as: 'dana' }), {
    permissions: { kim: { admin: 'request', builder: 'request' } },
  })
  assert.equal((await t.get(canBuild('kim')))['can_build_in'], false)
  const given = { kim: { builder: 'approved', admin: 'nothing' } }
  assert.deepEqual(await (await put(t, SET, 'dana', given)).json(), { updated: ['kim'] })
  assert.deepEqual(await (await put(t, SET, 'dana', given)).json(), { updated: [] })
  assert.deepEqual(await t.get(canBuild('kim')), {
    who: 'kim',
    ownername: 'dana',
    projectname: 'telescope',
    can_build_in: true,
  })
  assert.equal((await put(t, REQUEST, 'kim', { builder: true })).status, 400)
  assert.equal((await put(t, REQUEST, 'kim', { builder: false })).status, 200)
  assert.equal((await t.get(canBuild('kim')))['can_build_in'], false)
  const entries = await t.db
    .selectFrom('audit_log')
    .select(['actor', 'action'])
    .where('action', 'like', 'permissions.%')
    .orderBy('id')
    .execute()
  assert.deepEqual(
    entries.map(({ actor, action }) => `${actor} ${action}`),
    ['kim permissions.request', 'dana permissions.set', 'kim permissions.request'],
  )
})

for (const [json, message] of [
  [[], /not a JSON object/],
  [{}, /name at least one user/],
  [{ nobody: { admin: 'approved' } }, /user 'nobody' doesn't exist/],
  [{ dana: { admin: 'approved' } }, /who needs no permissions/],
  [{ kim: { boss: 'approved' } }, /kim: /],
  [{ kim: { admin: 'yes' } }, /invalid 'admin' permission state 'yes', use /],
] as const)
  test(`permissions/set refuses ${JSON.stringify(json)}`, async () => {
    await using t = await openTestFrontend()
    await addTelescope(t)
    const response = await put(t, SET, 'dana', json)
    assert.equal(response.status, 400)
    assert.match(((await response.json()) as { error: string }).error, message)
  })

test('permissions/set makes either all changes of a request or none', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  await put(t, SET, 'dana', { kim: { admin: 'approved' }, nobody: { admin: 'approved' } })
  assert.equal((await t.ask(GET, { as: 'dana' })).status, 404)
})

for (const json of [{}, { admin: 'request' }, { boss: true }])
  test(`permissions/request refuses ${JSON.stringify(json)}`, async () => {
    await using t = await openTestFrontend()
    await addTelescope(t)
    assert.equal((await put(t, REQUEST, 'kim', json)).status, 400)
  })

test('owners cannot request roles in their own projects, and a query for the rights of an unknown user gets 404', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  assert.equal((await put(t, REQUEST, 'dana', { admin: true })).status, 400)
  assert.equal((await t.ask(canBuild('nobody'))).status, 404)
})

test('webhook/generate creates a new secret each time', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const path = '/api_3/webhook/generate/dana/telescope'
  const first = await t.get(path, { as: 'dana', method: 'POST' })
  const second = await t.get(path, { as: 'dana', method: 'POST' })
  assert.match(String(first['webhook_secret']), /^[0-9a-f]{8}-[0-9a-f]{4}-4/)
  assert.notEqual(first['webhook_secret'], second['webhook_secret'])
  const { webhook_secret } = await t.db
    .selectFrom('project')
    .select('webhook_secret')
    .executeTakeFirstOrThrow()
  assert.equal(webhook_secret, second['webhook_secret'])
})
