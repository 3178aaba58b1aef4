import { openSession } from '@copr/domain/users/sessions'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { finish, LINK, link, upload } from '../testing/test-builds.ts'
import { addTelescope, NOW, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'
import { fixtures } from '@copr/domain/testing/fixtures'

const OP = '/coprs/dana/telescope'

async function browse(t: TestFrontend, as: 'dana' | 'kim') {
  const cookie = `session=${await openSession(t.db, t[as].id, NOW)}`
  const headers = { cookie, accept: 'text/html' }
  const get = async (path: string) => {
    const response = await t.app.request(path, { headers })
    return { status: response.status, text: await response.text() }
  }
  return {
    get,
    async post(path: string, fields: Record<string, string>) {
      const token = /name="csrf_token" value="([^"]+)"/.exec((await get('/')).text)?.[1] ?? ''
      const body = new URLSearchParams({ csrf_token: token, ...fields })
      const response = await t.app.request(path, { method: 'POST', headers, body })
      const location = response.headers.get('location')
      return { status: response.status, text: await response.text(), location }
    },
  }
}

const FIELDS = {
  scm: { clone_url: 'https://git.example.org/lens.git', spec: '', source_build_method: 'tito' },
  distgit: { distgit: 'garden', namespace: '' },
  pypi: { pypi_package_name: 'lens', pypi_package_version: '', python_versions: '3 2' },
  rubygems: { gem_name: 'lens' },
  custom: { script: '#!/bin/sh\r\ntrue', chroot: '', builddeps: 'git', repos: '', resultdir: '' },
}
const OPEN = {
  timeout: '',
  enable_net: '',
  exclude_chroots: '',
  project_dirname: '',
  bootstrap: 'unchanged',
  isolation: 'unchanged',
  after_build_id: '',
  with_build_id: '',
}

for (const [type, fields] of Object.entries(FIELDS))
  test(`a package of type ${type} is added, changed, rebuilt, reset and deleted on pages`, async () => {
    await using t = await openTestFrontend()
    await addTelescope(t)
    const dana = await browse(t, 'dana')
    assert.equal((await dana.get(`${OP}/package/add/${type}/`)).status, 200)
    const settings = { max_builds: '', timeout: '', chroot_denylist: '', webhook_rebuild: 'true' }
    const bad = await dana.post(`${OP}/package/new/${type}/`, {
      ...fields,
      package_name: 'bad name',
    })
    assert.equal(bad.status, 400)
    assert.match(bad.text, /package names have/)
    const package_name = 'lenscap'
    const made = await dana.post(`${OP}/package/new/${type}/`, {
      ...fields,
      ...settings,
      package_name,
    })
    assert.equal(made.location, `${OP}/package/lenscap/`, made.text)
    const edit = await dana.get(`${OP}/package/lenscap/edit/`)
    assert.equal(edit.status, 200)
    assert.match(edit.text, /value="true"\s+checked/)
    const changes = { ...fields, max_builds: '7', timeout: '0', chroot_denylist: 'debian-*' }
    const saved = await dana.post(`${OP}/package/lenscap/edit/${type}/`, changes)
    assert.equal(saved.location, `${OP}/package/lenscap/`, saved.text)
    const { text } = await dana.get(`${OP}/package/lenscap/`)
    for (const word of [/the newest 7/, /debian-\*/, /status_image\/last_build\.svg/, /Rebuild/])
      assert.match(text, word)
    const { webhook_rebuild } = await t.db
      .selectFrom('package')
      .select('webhook_rebuild')
      .executeTakeFirstOrThrow()
    assert.equal(webhook_rebuild, false)

    assert.equal((await dana.get(`${OP}/package/lenscap/rebuild/`)).status, 200)
    const built = await dana.post(`${OP}/package/lenscap/rebuild/`, OPEN)
    assert.equal(built.location, `${OP}/build/1/`, built.text)
    const build = await t.get<{ chroots: string[] }>('/api_3/build/1')
    assert.deepEqual(build.chroots, ['fedora-43-x86_64'])
    assert.equal((await dana.post(`${OP}/package/lenscap/delete/`, {})).status, 400)
    await finish(t, 1)

    assert.equal((await dana.get(`${OP}/repeat_build/1/`)).status, 200)
    assert.equal((await dana.post(`${OP}/new_build_rebuild/1/`, OPEN)).location, `${OP}/build/2/`)
    const config = (id: number) => t.get(`/api_3/build/source-build-config/${id}`)
    assert.deepEqual(await config(2), await config(1))
    await t.db.deleteFrom('build').where('id', '=', 2).execute()

    await dana.post(`${OP}/package/lenscap/reset/`, {})
    const reset = await dana.get(`${OP}/package/lenscap/`)
    assert.match(reset.text, /Set source/)
    assert.ok(!reset.text.includes('/rebuild/'))
    const deleted = await dana.post(`${OP}/package/lenscap/delete/`, {})
    assert.equal(deleted.location, `${OP}/packages/`)
    assert.equal((await dana.get(`${OP}/package/lenscap/`)).status, 404)
  })

for (const [type, fields] of Object.entries(FIELDS))
  test(`a build of type ${type} is submitted on a page, with its options`, async () => {
    await using t = await openTestFrontend()
    await addTelescope(t)
    const dana = await browse(t, 'dana')
    const path = `${OP}/add_build_${type}/`
    assert.equal((await dana.get(path)).status, 200)
    const bad = await dana.post(path, { ...fields, ...OPEN, package_name: 'x', timeout: '-1' })
    assert.equal(bad.status, 400)
    assert.match(bad.text, /timeout: must be 0 to/)
    const first = await dana.post(path, { ...fields, ...OPEN, package_name: 'x' })
    assert.equal(first.location, `${OP}/build/1/`, first.text)
    const options = {
      chroots: 'fedora-43-x86_64',
      enable_net: 'false',
      background: 'true',
      bootstrap: 'off',
      isolation: 'simple',
      after_build_id: '1',
      project_dirname: 'telescope:custom:x',
    }
    await dana.post(path, { ...fields, ...OPEN, package_name: 'x', ...options })
    const rows = await t.db
      .selectFrom('build')
      .select(['enable_net', 'is_background', 'bootstrap', 'isolation', 'chroots_wanted'])
      .orderBy('id')
      .execute()
    assert.deepEqual(rows[0], {
      enable_net: null,
      is_background: false,
      bootstrap: 'unchanged',
      isolation: 'unchanged',
      chroots_wanted: null,
    })
    assert.deepEqual(rows[1], {
      enable_net: false,
      is_background: true,
      bootstrap: 'off',
      isolation: 'simple',
      chroots_wanted: ['fedora-43-x86_64'],
    })
  })

test('resubmitting the build of an upload uses the SRPM in its results, and resubmitting a build from a link uses its URL', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const dana = await browse(t, 'dana')
  const first = await upload(t)
  const early = await dana.post(`${OP}/new_build_rebuild/${first.id}/`, OPEN)
  assert.equal(early.status, 400)
  assert.match(early.text, /its source package was not kept/)
  await finish(t, first.id)
  const linked = await link(t)
  for (const [{ id }, url] of [
    [first, first.source_package.url],
    [linked, LINK],
  ] as const) {
    const { location } = await dana.post(`${OP}/new_build_rebuild/${id}/`, OPEN)
    const made = /\/build\/(\d+)\/$/.exec(location ?? '')?.[1]
    const { source_dict } = await t.get<{ source_dict: unknown }>(
      `/api_3/build/source-build-config/${made}`,
    )
    assert.deepEqual(source_dict, { url })
  }
})

test('pages that change packages and builds require the right to do so', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const json = { gem_name: 'lens' }
  await t.get('/api_3/package/add/dana/telescope/lenscap/rubygems', { as: 'dana', json })
  const { id } = await link(t)
  const kim = await browse(t, 'kim')
  for (const path of [
    'package/add',
    'package/lenscap/edit',
    'package/lenscap/rebuild',
    `repeat_build/${id}`,
  ])
    assert.equal((await kim.get(`${OP}/${path}/`)).status, 403, path)
  for (const path of [
    'package/new/rubygems',
    'package/lenscap/edit/rubygems',
    'package/lenscap/rebuild',
    'package/lenscap/reset',
    'package/lenscap/delete',
    `new_build_rebuild/${id}`,
  ])
    assert.equal((await kim.post(`${OP}/${path}/`, json)).status, 403, path)
})

test('a build links to its batch, and a batch to the batch that it waits for', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await link(t)
  const later = await link(t, { after_build_id: id })
  const dana = await browse(t, 'dana')
  assert.match((await dana.get(`${OP}/build/${id}/`)).text, /\/status\/batches\/detail\/1\//)
  assert.match((await dana.get(`${OP}/build/${later.id}/`)).text, /\/status\/batches\/detail\/2\//)
  const batch = await dana.get('/status/batches/detail/2/')
  assert.match(batch.text, /batch 1/)
  assert.match(batch.text, new RegExp(`/build/${later.id}/`))
  assert.equal((await dana.get('/status/batches/detail/99999999999999999/')).status, 404)
})

test('packages are listed by name, and ?after=NAME continues after that package', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await t.db.selectFrom('project').select('id').executeTakeFirstOrThrow()
  const names = Array.from({ length: 60 }, (_, index) => `lens${String(index).padStart(2, '0')}`)
  const facts = { source_type: 'unset' as const, source_json: '{}', created_at: new Date() }
  await t.db
    .insertInto('package')
    .values(names.toReversed().map((name) => ({ project_id: id, name, ...facts })))
    .execute()
  const first = await (await t.ask(`${OP}/packages/`)).text()
  assert.deepEqual(listed(first), names.slice(0, 50))
  const next = /class="more"><a href="(\?after=[^"]+)"/.exec(
    first.slice(first.indexOf('lens49')),
  )?.[1]
  const second = await (await t.ask(`${OP}/packages/${next}`)).text()
  assert.deepEqual(listed(second), names.slice(50))
  assert.doesNotMatch(second, />More</)

  function listed(page: string): (string | undefined)[] {
    return [...page.matchAll(/\/package\/(lens\d+)\/"/g)].map(([, name]) => name)
  }
})

test('a batch with many builds is paged', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await link(t)
  await link(t, { with_build_id: id })
  const build = await t.db
    .selectFrom('build')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  const { id: _, source_json, failure: __, ...facts } = build
  const copy = { ...facts, source_json: JSON.stringify(source_json) }
  await fixtures(t.db)
    .insertInto('build')
    .values(Array.from({ length: 100 }, () => copy))
    .execute()
  const first = await (await t.ask('/status/batches/detail/1/')).text()
  const before = /href="\?before=(\d+)"/.exec(first)?.[1]
  assert.equal(before, '3')
  const second = await (await t.ask(`/status/batches/detail/1/?before=${before}`)).text()
  assert.match(second, new RegExp(`/build/${id}/`))
  assert.doesNotMatch(second, />More</)
})
