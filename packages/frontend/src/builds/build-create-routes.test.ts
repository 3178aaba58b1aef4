import { BuildAnswer } from '@copr/contract/api/builds'
import { ErrorAnswer, listOf } from '@copr/contract/api/lists'
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { before, test } from 'node:test'
import { type MadeRpm, makeRpm, uploadForm } from '../testing/make-srpm.ts'
import { helloSrpm, LINK, TARGET, upload, UPLOAD, URLS } from '../testing/test-builds.ts'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'

let srpm: MadeRpm
before(async () => {
  srpm = await helloSrpm()
})

test('build/create/upload creates a build from the header of the SRPM', async () => {
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
  ['a form without a file', () => undefined, {}, 400, /^pkgs: no file was sent/],
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
  [
    'an empty spec',
    () => file('a.spec', Buffer.alloc(0)),
    {},
    400,
    /^Cannot build a\.spec: the file is empty/,
  ],
  [
    'a spec with a space in its name',
    () => file('a b.spec', Buffer.from('x')),
    {},
    400,
    /"a b\.spec" may contain only letters/,
  ],
  [
    'a file with another suffix',
    () => file('hello.tar.gz', Buffer.from('x')),
    {},
    400,
    /only \.src\.rpm, \.nosrc\.rpm, and \.spec files/,
  ],
  [
    'a binary RPM by its name',
    () => file('foo.rpm', srpm.bytes),
    {},
    400,
    /^Cannot build foo\.rpm: You can upload only .*; it is a binary RPM/,
  ],
  [
    'half an SRPM',
    () => file('a.src.rpm', srpm.bytes.subarray(0, srpm.bytes.length / 2)),
    {},
    400,
    /^Cannot build a\.src\.rpm: /,
  ],
  ['a truncated SRPM', () => file('a.src.rpm', srpm.bytes.subarray(0, -5)), {}, 400, /bytes/],
  [
    'a file name with a path',
    () => file('../a.src.rpm', srpm.bytes),
    {},
    400,
    /not a plain file name/,
  ],
  ['a file name with a leading dash', () => file('-a.src.rpm', srpm.bytes), {}, 400, /file name/],
  [
    'a file of 2 MiB',
    () => file('a.src.rpm', Buffer.alloc(2 * 1024 * 1024)),
    {},
    413,
    /larger than 1 MiB, which is the limit/,
  ],
  ['an unknown project', () => srpm, { projectname: 'nope' }, 404, /does not exist/],
  ['no project', () => srpm, { projectname: null }, 400, /^projectname: This field is required/],
  [
    'an unknown chroot',
    () => srpm,
    { chroots: ['nope-1-x86_64'] },
    400,
    /^chroots: .*nope-1-x86_64 matches no chroot/,
  ],
  [
    'exclude_chroots with all chroots',
    () => srpm,
    { exclude_chroots: ['*'] },
    400,
    /must leave at least one/,
  ],
  [
    'an invalid directory',
    () => srpm,
    { project_dirname: 'other:pr:1' },
    400,
    /^project_dirname: /,
  ],
  ['a timeout beyond the maximum', () => srpm, { timeout: 108001 }, 400, /^timeout: /],
  [
    'after_build_id together with with_build_id',
    () => srpm,
    { after_build_id: 1, with_build_id: 1 },
    400,
    /after_build_id/,
  ],
  ['the batch of an unknown build', () => srpm, { after_build_id: '77' }, 400, /77/],
] as const)
  test(`build/create/upload refuses ${what}, and leaves no file behind`, async () => {
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

test('build/create/upload recognizes a binary RPM by its header', async () => {
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

test('build/create/upload requires the right to build', async () => {
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

test('build/create/upload accepts a spec file, from which a builder makes the source package', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const body = uploadForm(file('hello.spec', Buffer.from('Name: hello\n')), TARGET)
  const build = BuildAnswer.parse(await t.get(UPLOAD, { as: 'dana', body }))
  assert.equal(build.state, 'pending')
  assert.deepEqual(build.source_package, { name: null, version: null, url: null })
  const { source_json } = await t.db.selectFrom('build').selectAll().executeTakeFirstOrThrow()
  const stored = `${t.frontend.uploads_dir}/${String(source_json['tmp'])}`
  assert.deepEqual(await readdir(stored), ['hello.spec'])
  const page = await (
    await t.ask(`/coprs/dana/telescope/build/${build.id}/`, { as: 'dana' })
  ).text()
  assert.doesNotMatch(page, />uploaded</)
})

test('build/create/url creates a build for each URL', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const json = { ...TARGET, pkgs: `${LINK} https://a.example.org/b.spec`, with_build_id: null }
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
  ['https://a.example.org/a.spec.txt'],
])
  test(`build/create/url refuses ${JSON.stringify(pkgs)}`, async () => {
    await using t = await openTestFrontend()
    await addTelescope(t)
    const response = await t.ask(URLS, { as: 'dana', json: { ...TARGET, pkgs } })
    assert.equal(response.status, 400)
    assert.match(ErrorAnswer.parse(await response.json()).error, /^pkgs: /)
  })

test('check-before-build returns the same status as a submission', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const status = async (fields: Record<string, unknown>, as: 'dana' | 'kim' = 'dana') =>
    (await t.ask('/api_3/build/check-before-build', { as, json: { ...TARGET, ...fields } })).status
  assert.equal(await status({ project_dirname: 'telescope:pr:12', chroots: null }), 200)
  assert.equal(await status({ project_dirname: 'telescope:custom:телескоп' }), 200)
  assert.equal(await status({ project_dirname: 'telescope:xy' }), 400)
  assert.equal(await status({ project_dirname: 'telescope:pr:12a' }), 400)
  const project = await t.db.selectFrom('project').select('id').executeTakeFirstOrThrow()
  await t.db
    .insertInto('project_dir')
    .values({ project_id: project.id, name: 'telescope:pr:12a', created_at: new Date() })
    .execute()
  assert.equal(await status({ project_dirname: 'telescope:pr:12a' }), 200, 'it exists already')
  assert.equal(await status({ chroots: ['nope-1-x86_64'] }), 400)
  assert.equal(await status({ projectname: 'nope' }), 404)
  assert.equal(await status({}, 'kim'), 403)
})
