import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addTelescope, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'

const FORK = '/api_3/project/fork/dana/telescope'
const fork = (t: TestFrontend, as: 'dana' | 'kim' | 'admin', json: unknown) =>
  t.ask(FORK, { method: 'POST', as, json })

async function open(): Promise<TestFrontend> {
  const t = await openTestFrontend()
  await addTelescope(t, {
    description: 'Stars',
    contact: 'dana@example.org',
    enable_net: true,
    repo_priority: 7,
  })
  await t.db
    .updateTable('project_chroot')
    .set({ additional_packages: ['gcc'] })
    .execute()
  await t.db
    .updateTable('project')
    .set({ public_key: 'KEY OF THE SOURCE', webhook_secret: 'secret' })
    .execute()
  await t.db
    .insertInto('package')
    .values({
      project_id: 1,
      name: 'lens',
      source_type: 'scm',
      source_json: '{"clone_url": "https://git.example.org/lens.git"}',
      webhook_rebuild: true,
      created_at: t.frontend.now(),
    })
    .execute()
  return t
}

test('a fork has the settings, chroots and packages of its source, and its own owner', async () => {
  await using t = await open()
  const answer = await t.get(FORK, { as: 'kim', json: { name: 'telescope', ownername: 'kim' } })
  assert.equal(answer['full_name'], 'kim/telescope')
  assert.equal(answer['description'], 'Stars')
  assert.equal(answer['contact'], null)
  assert.equal(answer['enable_net'], true)
  assert.equal(answer['repo_priority'], 7)
  const copy = await t.db
    .selectFrom('project')
    .selectAll()
    .where('ownername', '=', 'kim')
    .executeTakeFirstOrThrow()
  assert.equal(copy.webhook_secret, null)
  assert.deepEqual(copy.inherited_keys, ['KEY OF THE SOURCE'])
  assert.equal(copy.forked_from, 1)
  const where = '?ownername=kim&projectname=telescope'
  const chroot = await t.get(`/api_3/project-chroot${where}&chrootname=fedora-43-x86_64`)
  assert.deepEqual(chroot['additional_packages'], ['gcc'])
  const pack = await t.get(`/api_3/package${where}&packagename=lens`)
  assert.equal(pack['auto_rebuild'], false)
  const actions = await t.db
    .selectFrom('action')
    .select(['kind', 'project_id', 'ended_at'])
    .execute()
  assert.deepEqual(actions, [{ kind: 'fork', project_id: copy.id, ended_at: null }])
})

test('a fork into an existing project requires `confirm`', async () => {
  await using t = await open()
  await addTelescope(t, { name: 'other' })
  const json = { name: 'other', ownername: 'dana' }
  const refused = await fork(t, 'dana', json)
  assert.equal(refused.status, 400)
  assert.match(await refused.text(), /already/)
  assert.equal((await fork(t, 'dana', { ...json, confirm: true })).status, 200)
})

for (const [as, json] of [
  ['dana', { name: 'telescope', ownername: 'dana', confirm: true }],
  ['kim', { name: 'x', ownername: 'dana' }],
  ['kim', { name: 'x', ownername: '@nobody' }],
  ['kim', { name: '..', ownername: 'kim' }],
  ['kim', { ownername: 'kim' }],
] as const)
  test(`a fork by ${as} to ${JSON.stringify(json)} is refused`, async () => {
    await using t = await open()
    assert.equal((await fork(t, as, json)).status, 400)
    assert.equal((await t.db.selectFrom('action').select('id').execute()).length, 0)
  })

test('regenerate-repos increments the generation of every repository', async () => {
  await using t = await open()
  const path = '/api_3/project/regenerate-repos/dana/telescope'
  const generations = async () =>
    (await t.db.selectFrom('repository').select('generation').execute()).map(
      (row) => row.generation,
    )
  const before = await generations()
  const answer = await t.get(path, { as: 'dana', method: 'PUT' })
  assert.equal(answer['full_name'], 'dana/telescope')
  assert.deepEqual(
    await generations(),
    before.map((each) => each + 1),
  )
})
