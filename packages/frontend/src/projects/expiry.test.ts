import { expireChroots } from '@copr/domain/retention/expire-chroots'
import { expireDirs } from '@copr/domain/retention/expire-dirs'
import { expireProjects } from '@copr/domain/retention/expire-projects'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { finish, upload } from '../testing/test-builds.ts'
import { addTelescope, NOW, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'

const later = (days: number): Date => new Date(NOW.getTime() + days * 86_400_000)
const RPMREPO = '/api_3/rpmrepo/dana/telescope/fedora-43'

const removals = async (t: TestFrontend) =>
  (await t.db.selectFrom('removal').select(['place', 'path']).orderBy('id').execute()).map(
    ({ place, path }) => `${place} ${path}`,
  )

test('a temporary project is deleted when it expires, unless it has unfinished builds', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t, { delete_after_days: 3 })
  await addTelescope(t, { name: 'stays' })
  const { id } = await upload(t)
  assert.equal(await expireProjects(t.db, later(3)), 0)
  assert.equal(await expireProjects(t.db, later(5)), 0)
  await finish(t, id)
  assert.equal(await expireProjects(t.db, later(5)), 1)
  assert.equal(await expireProjects(t.db, later(5)), 0)
  assert.equal((await t.ask('/api_3/project?ownername=dana&projectname=telescope')).status, 404)
  assert.equal((await t.ask('/api_3/project?ownername=dana&projectname=stays')).status, 200)
})

test("a pull request's directory is deleted 40 days after its last build, and rpmrepo announces the deletion", async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const main = await upload(t)
  const { id } = await upload(t, { project_dirname: 'telescope:pr:7' })
  await upload(t, { project_dirname: 'telescope:custom:x' })
  assert.deepEqual((await t.get(RPMREPO))['directories'], {
    telescope: {},
    'telescope:pr:7': { delete_after_days: 40 },
    'telescope:custom:x': {},
  })
  assert.equal(await expireDirs(t.db, later(41)), 0)
  await finish(t, id)
  assert.equal(await expireDirs(t.db, later(39)), 0)
  assert.equal(await expireDirs(t.db, later(41)), 1)
  assert.deepEqual(Object.keys((await t.get(RPMREPO))['directories'] as object), [
    'telescope',
    'telescope:custom:x',
  ])
  assert.equal((await t.ask(`/api_3/build/${id}`)).status, 404)
  assert.equal((await t.ask(`/api_3/build/${main.id}`)).status, 200)
  assert.ok((await removals(t)).includes('results dana/telescope:pr:7'))
  assert.ok((await removals(t)).includes('distgit dana/telescope:pr:7'))
})

test('the data of a disabled chroot is deleted after its retention time, unless it is enabled again', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await upload(t)
  await finish(t, id)
  const edit = (chroots: string[]) =>
    t.get('/api_3/project/edit/dana/telescope', { as: 'dana', method: 'PUT', json: { chroots } })
  await edit(['fedora-43-x86_64'])
  assert.equal(await expireChroots(t.db, later(6)), 0)
  await edit(['fedora-43-x86_64', 'debian-12-x86_64'])
  assert.equal(await expireChroots(t.db, later(8)), 0)
  await edit(['fedora-43-x86_64'])
  assert.equal(await expireChroots(t.db, later(8)), 1)
  assert.deepEqual(await removals(t), ['results dana/telescope/debian-12-x86_64'])
  const where = '?ownername=dana&projectname=telescope&chrootname=debian-12-x86_64'
  assert.equal((await t.ask(`/api_3/project-chroot${where}`)).status, 404)
  const chroots = await t.get<{ items: { name: string; result_url: string | null }[] }>(
    `/api_3/build-chroot/list?build_id=${id}`,
  )
  assert.deepEqual(
    chroots.items.map(({ name, result_url }) => [name, result_url !== null]),
    [
      ['debian-12-x86_64', false],
      ['fedora-43-x86_64', true],
    ],
  )
  // The chroot can be enabled again after it has expired.
  await edit(['fedora-43-x86_64', 'debian-12-x86_64'])
  assert.equal((await t.ask(`/api_3/project-chroot${where}`)).status, 200)
})
