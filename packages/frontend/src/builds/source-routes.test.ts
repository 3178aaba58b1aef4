import { BuildAnswer } from '@copr/contract/api/builds'
import { ErrorAnswer } from '@copr/contract/api/lists'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { finish, link, TARGET } from '../testing/test-builds.ts'
import { addTelescope, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'

type Json = Record<string, unknown>
const CLONE = 'https://git.example.org/lens.git'

async function create(t: TestFrontend, type: string, json: Json, as: 'dana' | 'kim' = 'dana') {
  const path = `/api_3/build/create/${type}`
  return BuildAnswer.parse(await t.get(path, { as, json: { ...TARGET, ...json } }))
}

async function refusal(t: TestFrontend, type: string, json: Json, as: 'dana' | 'kim' = 'dana') {
  const path = `/api_3/build/create/${type}`
  const response = await t.ask(path, { as, json: { ...TARGET, ...json } })
  return `${response.status} ${ErrorAnswer.parse(await response.json()).error}`
}

for (const [type, json, source_dict] of [
  [
    'scm',
    { clone_url: CLONE, committish: 'main' },
    {
      type: 'git',
      clone_url: CLONE,
      committish: 'main',
      subdirectory: '',
      spec: '',
      srpm_build_method: 'rpkg',
    },
  ],
  [
    'distgit',
    { package_name: 'lenscap' },
    { clone_url: 'https://src.example.org/rpms/lenscap', distgit: 'garden' },
  ],
  [
    'pypi',
    { pypi_package_name: 'lens', python_versions: [3, 2] },
    {
      pypi_package_name: 'lens',
      pypi_package_version: null,
      spec_generator: 'pyp2spec',
      spec_template: '',
      python_versions: ['3', '2'],
    },
  ],
  ['rubygems', { gem_name: 'lens' }, { gem_name: 'lens' }],
  [
    'custom',
    { script: 'true', builddeps: ['git'], repos: null },
    {
      script: 'true\n',
      chroot: 'fedora-43-x86_64',
      builddeps: 'git',
      resultdir: '',
      repos: '',
    },
  ],
] as const)
  test(`build/create/${type} creates a build that waits for its source`, async () => {
    await using t = await openTestFrontend()
    await addTelescope(t)
    const made = await create(t, type, { ...json, timeout: '0', background: true })
    assert.equal(made.state, 'pending')
    assert.deepEqual(made.source_package, { name: null, version: null, url: null })
    assert.deepEqual(await t.get(`/api_3/build/source-build-config/${made.id}`), {
      source_type: type,
      source_dict,
      memory_limit: 2048,
      timeout: 18_000,
      is_background: true,
    })
  })

for (const [type, json, shown] of [
  ['pypi', { pypi_package_name: 'lens' }, ['lens (newest)', 'pyp2spec']],
  ['pypi', { pypi_package_name: 'lens', pypi_package_version: '1.2' }, ['lens 1.2', 'pyp2spec']],
  ['rubygems', { gem_name: 'lens' }, ['lens (newest)']],
] as const)
  test(`the page of a ${type} build of ${JSON.stringify(json)} says from what it is made`, async () => {
    await using t = await openTestFrontend()
    await addTelescope(t)
    const { id } = await create(t, type, json)
    const page = await (await t.ask(`/coprs/dana/telescope/build/${id}/`)).text()
    for (const words of shown) assert.ok(page.includes(`>${words}<`), words)
  })

for (const [type, json, want] of [
  ['scm', {}, /^400 clone_url: This field is required/],
  ['distgit', {}, /^400 package_name: This field is required/],
  ['pypi', {}, /^400 pypi_package_name: This field is required/],
  ['rubygems', {}, /^400 gem_name: This field is required/],
  ['custom', {}, /^400 script: This field is required/],
  ['custom', { script: 'x', chroot: 'fedora-latest-s390x' }, /^400 chroot: .*no Fedora chroot/],
  [
    'rubygems',
    { gem_name: 'x', exclude_chroots: ['*'] },
    /^400 exclude_chroots: must leave at least one/,
  ],
  ['rubygems', { gem_name: 'x', project_dirname: 'other' }, /^400 project_dirname: /],
  ['rubygems', { gem_name: 'x', projectname: 'nope' }, /^404 /],
] as const)
  test(`build/create/${type} refuses ${JSON.stringify(json)}`, async () => {
    await using t = await openTestFrontend()
    await addTelescope(t)
    assert.match(await refusal(t, type, json), want)
    assert.deepEqual(await t.db.selectFrom('build').selectAll().execute(), [])
  })

test('errors in the form are reported before a missing right', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  assert.match(await refusal(t, 'rubygems', {}, 'kim'), /^400 /)
  assert.match(await refusal(t, 'rubygems', { gem_name: 'x' }, 'kim'), /^403 /)
})

test('only builds for the forge projects that a project allows are accepted', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const forge = (packit_forge_project: string) =>
    t.ask('/api_3/build/check-before-build', {
      as: 'dana',
      json: { ...TARGET, packit_forge_project },
    })
  assert.equal((await forge('git.example.org/dana/lens')).status, 403)
  await t.db
    .updateTable('project')
    .set({ packit_forge_projects_allowed: ['git.example.org/*/lens', 'x.example.org/[ab]?'] })
    .execute()
  for (const [name, status] of [
    ['git.example.org/dana/lens', 200],
    ['https://git.example.org/dana/lens', 200],
    ['git.example.org/dana/lenscap', 403],
    ['git-example.org/dana/lens', 403],
    ['x.example.org/b1', 200],
    ['x.example.org/c1', 403],
  ] as const)
    assert.equal((await forge(name)).status, status, name)
})

test('creating a batch requires the right to build, and builds can join a batch until it is finished', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const json = { name: 'own', chroots: ['debian-12-x86_64'] }
  await t.get('/api_3/project/add/kim', { as: 'kim', json })
  const kims = { ownername: 'kim', projectname: 'own', gem_name: 'x' }
  const first = await link(t)
  const none =
    /^400 (after|with)_build_id: .*(doesn't have the build permissions in|not allowed to build there)/
  assert.match(await refusal(t, 'rubygems', { ...kims, after_build_id: first.id }, 'kim'), none)
  assert.match(await refusal(t, 'rubygems', { ...kims, with_build_id: first.id }, 'kim'), none)
  await link(t, { with_build_id: first.id })
  // The batch exists by now, so a build of another project that waits for it does not change the batch's project.
  await create(t, 'rubygems', { ...kims, after_build_id: String(first.id) }, 'kim')
  assert.match(await refusal(t, 'rubygems', { ...kims, with_build_id: first.id }, 'kim'), none)
  const alone = await link(t)
  for (const { id } of [first, alone, { id: 2 }]) await finish(t, id)
  const gem_name = 'x'
  const over = /^400 (after|with)_build_id: .*already finished/
  assert.match(await refusal(t, 'rubygems', { gem_name, with_build_id: first.id }), over)
  assert.match(await refusal(t, 'rubygems', { gem_name, with_build_id: alone.id }), over)
  assert.match(await refusal(t, 'rubygems', { gem_name, after_build_id: alone.id }), over)
  await create(t, 'rubygems', { gem_name, after_build_id: first.id })
  const missing = /^400 after_build_id: Build 999999999999999 not found/
  assert.match(
    await refusal(t, 'rubygems', { gem_name, after_build_id: '999999999999999' }),
    missing,
  )
})
