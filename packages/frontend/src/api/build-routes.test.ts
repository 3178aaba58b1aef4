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
import { readdir } from 'node:fs/promises'
import { before, test } from 'node:test'
import { type MadeRpm, makeRpm, uploadForm } from '../testing/make-srpm.ts'
import { addTelescope, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'

const TARGET = { ownername: 'dana', projectname: 'telescope' }
const UPLOAD = '/api_3/build/create/upload'
const URLS = '/api_3/build/create/url'
const LINK = 'https://sources.example.org/hello-2.12-1.src.rpm'

let srpm: MadeRpm
before(async () => {
  srpm = await makeRpm('source')
})

async function upload(t: TestFrontend, fields: Record<string, unknown> = {}): Promise<BuildAnswer> {
  const body = uploadForm(srpm, { ...TARGET, ...fields })
  return BuildAnswer.parse(await t.get(UPLOAD, { as: 'dana', body }))
}

async function link(t: TestFrontend, fields: Record<string, unknown> = {}): Promise<BuildAnswer> {
  const json = { ...TARGET, pkgs: [LINK], ...fields }
  const { items } = listOf(BuildAnswer).parse(await t.get(URLS, { as: 'dana', json }))
  return items[0] ?? assert.fail('no build')
}

/** As if the build had ended. */
async function finish(t: TestFrontend, id: number): Promise<void> {
  const ended_at = new Date('2026-11-22T12:05:00Z')
  const started_at = new Date('2026-11-22T12:01:00Z')
  const done = { state: 'succeeded' as const, started_at, ended_at, result_dir: '00000001-hello' }
  await t.db.updateTable('build_chroot').set(done).where('build_id', '=', id).execute()
  const build = {
    state: 'succeeded' as const,
    source_state: 'succeeded' as const,
    finished_at: ended_at,
  }
  await t.db.updateTable('build').set(build).where('id', '=', id).execute()
}

test('build/create/upload makes a build from the header of the SRPM', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const build = await upload(t, {
    chroots: ['debian-*'],
    timeout: '3600',
    background: true,
    enable_net: null,
  })
  assert.equal(build.state, 'importing')
  assert.deepEqual(build.source_package, {
    name: 'hello',
    version: '2.12-1',
    url: `http://copr.example.org:5000/results/dana/telescope/srpm-builds/${String(build.id).padStart(8, '0')}/hello-2.12-1.src.rpm`,
  })
  assert.deepEqual(build.chroots, ['debian-12-x86_64'])
  assert.equal(build.repo_url, 'http://copr.example.org:5000/results/dana/telescope')
  assert.equal(build.submitter, 'dana')
  const { source_json } = await t.db
    .selectFrom('build')
    .select('source_json')
    .executeTakeFirstOrThrow()
  assert.deepEqual(await readdir(`${t.frontend.uploads_dir}/${String(source_json['tmp'])}`), [
    'hello-2.12-1.src.rpm',
  ])
})

const file = (name: string, bytes: Uint8Array) => ({ name, bytes })
for (const [what, made, fields, status, message] of [
  ['nothing', () => undefined, {}, 400, /^pkgs: no file was sent/],
  [
    'an empty file',
    () => file('a.src.rpm', Buffer.alloc(0)),
    {},
    400,
    /^Cannot build a\.src\.rpm: the file is empty/,
  ],
  [
    'text',
    () => file('a.src.rpm', Buffer.from('Name: hello\n'.repeat(100))),
    {},
    400,
    /not an RPM/,
  ],
  ['a spec', () => file('hello.spec', Buffer.from('Name: hello')), {}, 400, /rpmbuild -bs/],
  [
    'another suffix',
    () => file('hello.tar.gz', Buffer.from('x')),
    {},
    400,
    /must end in \.src\.rpm/,
  ],
  [
    'a binary RPM by its name',
    () => file('foo.rpm', srpm.bytes),
    {},
    400,
    /^Cannot build foo\.rpm: it is a binary RPM; upload the source package \(\.src\.rpm\)/,
  ],
  [
    'half an SRPM',
    () => file('a.src.rpm', srpm.bytes.subarray(0, srpm.bytes.length / 2)),
    {},
    400,
    /^Cannot build a\.src\.rpm: /,
  ],
  [
    'an SRPM without its end',
    () => file('a.src.rpm', srpm.bytes.subarray(0, -5)),
    {},
    400,
    /bytes/,
  ],
  ['a path', () => file('../a.src.rpm', srpm.bytes), {}, 400, /not a plain file name/],
  ['a leading dash', () => file('-a.src.rpm', srpm.bytes), {}, 400, /file name/],
  [
    'two mebibytes',
    () => file('a.src.rpm', Buffer.alloc(2 * 1024 * 1024)),
    {},
    413,
    /larger than 1048576 bytes/,
  ],
  ['an unknown project', () => srpm, { projectname: 'nope' }, 404, /does not exist/],
  ['no project', () => srpm, { projectname: null }, 400, /^projectname: is required/],
  [
    'an unknown chroot',
    () => srpm,
    { chroots: ['nope-1-x86_64'] },
    400,
    /^chroots: nope-1-x86_64 matches no chroot/,
  ],
  ['no chroot left', () => srpm, { exclude_chroots: ['*'] }, 400, /no chroot is left/],
  ['a bad directory', () => srpm, { project_dirname: 'other:pr:1' }, 400, /^project_dirname: /],
  ['a long timeout', () => srpm, { timeout: 108001 }, 400, /^timeout: /],
  ['both batches', () => srpm, { after_build_id: 1, with_build_id: 1 }, 400, /after_build_id/],
  ['a batch of nobody', () => srpm, { after_build_id: '77' }, 400, /77/],
] as const)
  test(`build/create/upload refuses ${what}, and leaves nothing behind`, async () => {
    await using t = await openTestFrontend()
    await addTelescope(t)
    const response = await t.ask(UPLOAD, {
      as: 'dana',
      body: uploadForm(made(), { ...TARGET, ...fields }),
    })
    const { error } = ErrorAnswer.parse(await response.json())
    assert.match(error, message)
    assert.equal(response.status, status)
    assert.deepEqual(await readdir(t.frontend.uploads_dir), [])
    assert.deepEqual(await t.db.selectFrom('build').selectAll().execute(), [])
  })

test('build/create/upload tells a binary RPM by its header', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { bytes } = await makeRpm('binary')
  const body = uploadForm({ name: 'a.src.rpm', bytes }, TARGET)
  const response = await t.ask(UPLOAD, { as: 'dana', body })
  assert.match(
    ErrorAnswer.parse(await response.json()).error,
    /binary RPM; upload the source package/,
  )
  assert.deepEqual(await readdir(t.frontend.uploads_dir), [])
})

test('build/create/upload is for those who may build', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const send = async (as?: 'kim') =>
    (await t.ask(UPLOAD, { ...(as ? { as } : {}), body: uploadForm(srpm, TARGET) })).status
  assert.equal(await send(), 401)
  assert.equal(await send('kim'), 403)
  assert.deepEqual(await readdir(t.frontend.uploads_dir), [])
  const broken = {
    as: 'dana',
    method: 'POST',
    body: '--x\r\nbroken',
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
  } as const
  assert.equal((await t.ask(UPLOAD, broken)).status, 400)
  assert.equal((await t.ask(UPLOAD, { as: 'dana', json: TARGET })).status, 400)
})

test('build/create/url makes a build for each URL', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const json = { ...TARGET, pkgs: `${LINK} https://a.example.org/b.nosrc.rpm`, with_build_id: null }
  const body = listOf(BuildAnswer).parse(await t.get(URLS, { as: 'dana', json }))
  assert.deepEqual(
    body.items.map(({ state }) => state),
    ['pending', 'pending'],
  )
  assert.deepEqual(body.meta, { limit: null, offset: null, order: null, order_type: null })
})

for (const pkgs of [
  [],
  'ftp://a.example.org/a.src.rpm',
  ['https://a.example.org/a.rpm'],
  'a.src.rpm',
  ['https://a.example.org/a.spec'],
])
  test(`build/create/url refuses ${JSON.stringify(pkgs)}`, async () => {
    await using t = await openTestFrontend()
    await addTelescope(t)
    const response = await t.ask(URLS, { as: 'dana', json: { ...TARGET, pkgs } })
    assert.equal(response.status, 400)
    assert.match(ErrorAnswer.parse(await response.json()).error, /^pkgs: /)
  })

test('check-before-build answers as the submission would', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const status = async (fields: Record<string, unknown>, as: 'dana' | 'kim' = 'dana') =>
    (await t.ask('/api_3/build/check-before-build', { as, json: { ...TARGET, ...fields } })).status
  assert.equal(await status({ project_dirname: 'telescope:pr:12', chroots: null }), 200)
  assert.equal(await status({ project_dirname: 'telescope:xy' }), 400)
  assert.equal(await status({ chroots: ['nope-1-x86_64'] }), 400)
  assert.equal(await status({ projectname: 'nope' }), 404)
  assert.equal(await status({}, 'kim'), 403)
})

test('build answers, and 404 for what does not exist', async () => {
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

test('build/list goes from the newest, filters, and pages', async () => {
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

test('source-chroot, built-packages and build chroots answer their shapes', async () => {
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

test('build/cancel cancels at once, and only once', async () => {
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

test('build/delete removes finished builds, one or many', async () => {
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
  assert.match(error, new RegExp(`not existing: 999\nstill running: ${third}`))
  assert.deepEqual(await (await many([second])).json(), { builds: [second] })
  assert.equal((await many('all')).status, 400)
  assert.equal((await t.ask(`/api_3/build/${second}`)).status, 404)
})

test('package and package/list show builds on request', async () => {
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
  assert.equal(items[0]?.builds.latest?.id, first.id) // the main directory's goes first
  assert.equal((await t.ask(`/api_3/package?${query}&packagename=nope`)).status, 404)
})
