import { failureOutsideLogs } from '@copr/contract/failure'
import {
  BuildAnswer,
  BuildChrootAnswer,
  BuildChrootConfigAnswer,
  BuiltPackagesAnswer,
  SourceChrootAnswer,
} from '@copr/contract/api/builds'
import { ErrorAnswer, listOf } from '@copr/contract/api/lists'
import { PackageAnswer } from '@copr/contract/api/packages'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { finish, link, upload } from '../testing/test-builds.ts'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'

test('`GET build` returns a build, or 404 if it does not exist', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await upload(t, { project_dirname: 'telescope:pr:12' })
  await finish(t, id)
  for (const path of [`/api_3/build/${id}`, `/api_3/build/${id}/?build_id=${id}`]) {
    const build = BuildAnswer.parse(await t.get(path))
    assert.equal(build.project_dirname, 'telescope:pr:12')
    assert.equal(build.repo_url, 'http://copr.example.org:5000/results/dana/telescope')
    assert.deepEqual([build.started_on, build.ended_on], [1_795_348_860, 1_795_349_100])
  }
  for (const missing of ['999', '99999999999999999999999'])
    assert.equal((await t.ask(`/api_3/build/${missing}`)).status, 404)
})

test('build/list returns the newest builds first, and supports filters and paging', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const ids = [(await upload(t)).id, (await link(t)).id, (await link(t)).id]
  await finish(t, ids[0] ?? 0)
  const list = async (query: string) =>
    listOf(BuildAnswer)
      .parse(await t.get(`/api_3/build/list?ownername=dana&projectname=telescope&${query}`))
      .items.map(({ id }) => id)
  assert.deepEqual(await list(''), ids.toReversed())
  assert.deepEqual(await list('limit=1&offset=1'), [ids[1]])
  assert.deepEqual(await list('order=id&order_type=ASC'), ids)
  assert.deepEqual(await list('status=succeeded'), [ids[0]])
  assert.deepEqual(await list('status=nonsense'), [])
  assert.deepEqual(await list('packagename=hello'), [ids[0]])
  assert.deepEqual(await list('packagename=other'), [])
  assert.equal((await t.ask('/api_3/build/list?ownername=dana&projectname=nope')).status, 404)
})

test('the responses for source chroots, built packages and build chroots match their schemas', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await upload(t)
  await finish(t, id)
  const [chroot] = await t.db.selectFrom('build_chroot').selectAll().orderBy('id').execute()
  await t.db
    .insertInto('built_package')
    .values({
      build_chroot_id: chroot?.id ?? 0,
      name: 'hello',
      version: '2.12',
      release: '1',
      arch: 'noarch',
    })
    .execute()
  const source = SourceChrootAnswer.parse(await t.get(`/api_3/build/source-chroot/${id}`))
  assert.match(source.result_url ?? '', /\/srpm-builds\/\d{8}$/)
  const built = BuiltPackagesAnswer.parse(await t.get(`/api_3/build/built-packages/${id}`))
  assert.equal(built['debian-12-x86_64']?.packages[0]?.epoch, null)
  assert.deepEqual(built['fedora-43-x86_64'], { packages: [] })
  const one = `build_id=${id}&chrootname=debian-12-x86_64`
  const answer = BuildChrootAnswer.parse(await t.get(`/api_3/build-chroot?${one}`))
  assert.equal(
    answer.result_url,
    'http://copr.example.org:5000/results/dana/telescope/debian-12-x86_64/00000001-hello/',
  )
  BuildChrootAnswer.parse(await t.get(`/api_3/build-chroot/${id}/debian-12-x86_64`))
  const { items } = listOf(BuildChrootAnswer).parse(
    await t.get(`/api_3/build-chroot/list?build_id=${id}&order=name`),
  )
  assert.equal(items.length, 2)
  assert.ok(items.every((chroot) => !('failure' in chroot)))
  assert.deepEqual((await t.get('/api_3/build-chroot/list?build_id=999'))['items'], [])
  assert.equal(
    (await t.get<{ packages: unknown[] }>(`/api_3/build-chroot/built-packages?${one}`)).packages
      .length,
    1,
  )
  BuildChrootConfigAnswer.parse(await t.get(`/api_3/build-chroot/build-config?${one}`))
  assert.equal(
    (await t.ask(`/api_3/build-chroot?build_id=${id}&chrootname=fedora-43-i386`)).status,
    404,
  )
})

test('the chroots of a build are listed in the order in which they were added to the site, or by name', async () => {
  await using t = await openTestFrontend()
  const project = { name: 'telescope', chroots: ['fedora-43-x86_64', 'fedora-43-i386'] }
  await t.get('/api_3/project/add/dana', { as: 'dana', json: project })
  const { id } = await upload(t)
  const names = async (query: string): Promise<string[]> =>
    listOf(BuildChrootAnswer)
      .parse(await t.get(`/api_3/build-chroot/list/${id}?${query}`))
      .items.map(({ name }) => name)
  const added = ['fedora-43-x86_64', 'fedora-43-i386']
  assert.deepEqual(await names(''), added)
  assert.deepEqual(await names('order_type=DESC'), added.toReversed())
  assert.deepEqual(await names('order=name'), added.toSorted())
})

test('build chroots and source builds return the cause of a failure together with the reason', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await upload(t)
  const failure = failureOutsideLogs('compile')
  await t.db
    .updateTable('build_chroot')
    .set({ failure: JSON.stringify(failure), state_reason: 'It failed' })
    .execute()
  await t.db
    .updateTable('build')
    .set({ failure: JSON.stringify(failure), fail_reason: 'No source' })
    .execute()
  const chroot = await t.get(`/api_3/build-chroot/${id}/debian-12-x86_64`)
  assert.deepEqual(BuildChrootAnswer.parse(chroot).failure, { reason: 'It failed', ...failure })
  const source = await t.get(`/api_3/build/source-chroot/${id}`)
  assert.deepEqual(SourceChrootAnswer.parse(source).failure, { reason: 'No source', ...failure })
})

test('build/cancel cancels a build at once, and refuses to cancel it again', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await link(t)
  const path = `/api_3/build/cancel/${id}`
  assert.equal((await t.ask(path, { as: 'kim', method: 'PUT' })).status, 403)
  assert.equal(
    BuildAnswer.parse(await t.get(path, { as: 'dana', method: 'PUT' })).state,
    'canceled',
  )
  assert.equal((await t.ask(path, { as: 'dana', method: 'PUT' })).status, 409)
  assert.equal((await t.ask('/api_3/build/cancel/999', { as: 'dana', method: 'PUT' })).status, 404)
})

test('build/delete deletes one or several finished builds', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const ids = [(await upload(t)).id, (await upload(t)).id, (await upload(t)).id]
  const [first = 0, second = 0, third = 0] = ids
  assert.equal(
    (await t.ask(`/api_3/build/delete/${first}`, { as: 'dana', method: 'DELETE' })).status,
    409,
  )
  await finish(t, first)
  await finish(t, second)
  assert.equal(
    (await t.ask(`/api_3/build/delete/${first}`, { as: 'kim', method: 'DELETE' })).status,
    403,
  )
  assert.equal(
    BuildAnswer.parse(await t.get(`/api_3/build/delete/${first}`, { as: 'dana', method: 'DELETE' }))
      .id,
    first,
  )
  const many = (builds: unknown) =>
    t.ask('/api_3/build/delete/list', { as: 'dana', method: 'DELETE', json: { builds } })
  const refused = await many([second, third, 999])
  assert.equal(refused.status, 400)
  const { error } = ErrorAnswer.parse(await refused.json())
  assert.match(
    error,
    new RegExp(`Build\\(s\\) ${third} are still running.*\nBuild\\(s\\) 999 don't exist`),
  )
  assert.deepEqual(await (await many([second])).json(), { builds: [second] })
  assert.equal((await many('all')).status, 400)
  assert.equal((await t.ask(`/api_3/build/${second}`)).status, 404)
})

test('the routes package and package/list include builds on request', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const first = await upload(t)
  await finish(t, first.id)
  const second = await upload(t, { project_dirname: 'telescope:pr:1' })
  const query = 'ownername=dana&projectname=telescope'
  const flags = 'with_latest_build=True&with_latest_succeeded_build=True'
  const one = (rest: string) =>
    t
      .get(`/api_3/package?${query}&packagename=hello&${rest}`)
      .then((body) => PackageAnswer.parse(body))
  assert.deepEqual((await one('with_latest_build=False')).builds, {
    latest: null,
    latest_succeeded: null,
  })
  const full = await one(flags)
  assert.equal(full.builds.latest?.id, second.id)
  assert.equal(full.builds.latest_succeeded?.id, first.id)
  assert.equal(full.source_type, 'upload')
  const { items } = listOf(PackageAnswer).parse(
    await t.get(`/api_3/package/list?${query}&${flags}&order=name`),
  )
  assert.equal(items[0]?.builds.latest?.id, first.id) // the main directory takes precedence
  assert.equal((await t.ask(`/api_3/package?${query}&packagename=nope`)).status, 404)
})
