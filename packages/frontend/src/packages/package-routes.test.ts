import { BuildAnswer } from '@copr/contract/api/builds'
import { ErrorAnswer } from '@copr/contract/api/lists'
import { PackageAnswer } from '@copr/contract/api/packages'
import { listAudit } from '@copr/domain/audit/audit-queries'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { finish, TARGET } from '../testing/test-builds.ts'
import { addTelescope, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'

const CLONE = 'https://git.example.org/lens.git'
const SCRIPT = '#!/bin/sh -x\necho\n'

type Json = Record<string, unknown>

async function add(t: TestFrontend, type: string, json: Json, name = 'lenscap') {
  return PackageAnswer.parse(
    await t.get(`/api_3/package/add/dana/telescope/${name}/${type}`, { as: 'dana', json }),
  )
}

async function edit(t: TestFrontend, path: string, json: Json) {
  return PackageAnswer.parse(
    await t.get(`/api_3/package/edit/dana/telescope/${path}`, { as: 'dana', json }),
  )
}

async function refusal(t: TestFrontend, path: string, json: Json, method = 'POST') {
  const response = await t.ask(`/api_3${path}`, { as: 'dana', json, method })
  const { error } = ErrorAnswer.parse(await response.json())
  return `${response.status} ${error}`
}

const scm = (more: Json = {}) => ({
  type: 'git',
  clone_url: CLONE,
  committish: '',
  subdirectory: '',
  spec: '',
  source_build_method: 'rpkg',
  ...more,
})
const pypi = (more: Json = {}) => ({
  pypi_package_name: 'lens',
  pypi_package_version: null,
  spec_generator: 'pyp2spec',
  spec_template: '',
  python_versions: ['3'],
  ...more,
})
const custom = (more: Json = {}) => ({
  script: SCRIPT,
  chroot: 'fedora-latest-x86_64',
  builddeps: '',
  resultdir: '',
  repos: '',
  ...more,
})

for (const [type, json, source_dict] of [
  ['scm', { clone_url: CLONE, spec: null, committish: null }, scm()],
  [
    'scm',
    {
      clone_url: ` ${CLONE} `,
      scm_type: 'svn',
      committish: 'v1.0-rc/2',
      subdirectory: 'a/b',
      spec: 'a/lens.spec',
      srpm_build_method: 'tito_test',
    },
    scm({
      type: 'svn',
      committish: 'v1.0-rc/2',
      subdirectory: 'a/b',
      spec: 'a/lens.spec',
      source_build_method: 'tito_test',
    }),
  ],
  ['scm', { clone_url: 'https://192.0.2.1/l' }, scm({ clone_url: 'https://192.0.2.1/l' })],
  ['scm', { clone_url: 'https://[2001:db8::1]/l' }, scm({ clone_url: 'https://[2001:db8::1]/l' })],
  ['distgit', {}, { clone_url: 'https://src.example.org/rpms/lenscap', distgit: 'garden' }],
  [
    'distgit',
    { distgit: 'strict', namespace: 'forks/kim', committish: 'f43' },
    {
      clone_url: 'https://git.example.org/forks/kim/lenscap.git',
      distgit: 'strict',
      namespace: 'forks/kim',
      committish: 'f43',
    },
  ],
  [
    'distgit',
    { distgit: 'forks' },
    { clone_url: 'https://git.example.org/rpms/lenscap.git', distgit: 'forks' },
  ],
  [
    'distgit',
    { distgit: 'forks', namespace: '@kim/forks' },
    {
      clone_url: 'https://git.example.org/@kim/forks/rpms/lenscap.git',
      distgit: 'forks',
      namespace: '@kim/forks',
    },
  ],
  ['pypi', { pypi_package_name: 'lens' }, pypi()],
  ['pypi', { pypi_package_name: 'lens', python_versions: [] }, pypi()],
  [
    'pypi',
    {
      pypi_package_name: 'lens',
      pypi_package_version: '1.0.post1',
      spec_generator: 'pyp2rpm',
      spec_template: 'epel7',
      python_versions: [3, '2'],
    },
    pypi({
      pypi_package_version: '1.0.post1',
      spec_generator: 'pyp2rpm',
      spec_template: 'epel7',
      python_versions: ['3', '2'],
    }),
  ],
  ['rubygems', { gem_name: 'lens_cap' }, { gem_name: 'lens_cap' }],
  ['custom', { script: '#!/bin/sh -x\r\necho\r\n' }, custom()],
  ['custom', { script: '#!/bin/sh -x\necho' }, custom()],
  [
    'custom',
    {
      script: SCRIPT,
      script_chroot: 'fedora-43-x86_64',
      script_builddeps: ['git', 'make'],
      script_resultdir: 'out',
      script_repos: 'https://a.example.org/  https://b.example.org/',
    },
    custom({
      chroot: 'fedora-43-x86_64',
      builddeps: 'git make',
      resultdir: 'out',
      repos: 'https://a.example.org/ https://b.example.org/',
    }),
  ],
] as const)
  test(`package/add stores the ${type} source ${JSON.stringify(json)}`, async () => {
    await using t = await openTestFrontend()
    await addTelescope(t)
    const made = await add(t, type, { ...json, package_name: 'lenscap' })
    assert.deepEqual(made.source_dict, source_dict)
    assert.equal(made.source_type, type)
    assert.deepEqual(made.builds, { latest: null, latest_succeeded: null })
    // An edit without fields accepts the stored source and keeps it.
    assert.deepEqual((await edit(t, 'lenscap', {})).source_dict, source_dict)
  })

test('package/add refuses an existing name and an invalid name', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  await add(t, 'rubygems', { gem_name: 'lens' })
  const json = { gem_name: 'lens' }
  const path = '/package/add/dana/telescope'
  assert.match(await refusal(t, `${path}/lenscap/rubygems`, json), /^409 .*already exists/)
  assert.match(await refusal(t, `${path}/lens%20cap/rubygems`, json), /^400 package_name: /)
  assert.match(await refusal(t, '/package/add/dana/nope/x/rubygems', json), /^404 /)
})

test('package/edit keeps fields that are not sent, as long as the type stays the same', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  await add(t, 'scm', { clone_url: CLONE, scm_type: 'svn', spec: null, webhook_rebuild: true })
  const edited = await edit(t, 'lenscap/scm', { committish: 'next', clone_url: null })
  assert.deepEqual(edited.source_dict, scm({ type: 'svn', committish: 'next' }))
  assert.equal(edited.auto_rebuild, true)
  const renamed = await edit(t, 'lenscap/None', { srpm_build_method: 'tito' })
  assert.equal(renamed.source_dict['source_build_method'], 'tito')
  const other = await edit(t, 'lenscap/rubygems', { gem_name: 'lens', webhook_rebuild: 'false' })
  assert.deepEqual(other.source_dict, { gem_name: 'lens' })
  assert.equal(other.auto_rebuild, false)
  const path = '/package/edit/dana/telescope'
  assert.match(
    await refusal(t, `${path}/lenscap/scm`, {}),
    /^400 clone_url: This field is required/,
  )
  assert.match(
    await refusal(t, `${path}/lenscap/upload`, {}),
    /^400 Unsupported package source type upload: /,
  )
  assert.match(
    await refusal(t, `${path}/nope/scm`, { clone_url: CLONE }),
    /^404 No package with name nope/,
  )
})

test('package/edit does not convert stored nulls to text', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  await add(t, 'scm', { clone_url: CLONE })
  const source_json = JSON.stringify({ type: 'git', clone_url: CLONE, spec: null })
  await t.db.updateTable('package').set({ source_json }).execute()
  assert.deepEqual((await edit(t, 'lenscap', { max_builds: '3' })).source_dict, scm())
})

test('package/reset removes the source; package/build requires one', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  await add(t, 'rubygems', { gem_name: 'lens' })
  const json = { ...TARGET, package_name: 'lenscap' }
  const reset = PackageAnswer.parse(
    await t.get('/api_3/package/reset', { as: 'dana', json, method: 'PUT' }),
  )
  assert.deepEqual([reset.source_type, reset.source_dict], ['unset', {}])
  assert.match(await refusal(t, '/package/build', json), /^400 .*doesn't have the default source/)
  for (const [path, method] of [
    ['/package/reset', 'PUT'],
    ['/package/build', 'POST'],
    ['/package/delete', 'DELETE'],
  ] as const) {
    assert.match(
      await refusal(t, path, { package_name: 'lenscap' }, method),
      /^400 ownername: This field is required/,
    )
    assert.match(await refusal(t, path, { ...json, package_name: 'nope' }, method), /^404 /)
  }
})

test('package/build uses the package’s chroots and timeout, unless others are sent', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  await add(t, 'custom', { script: SCRIPT, timeout: 100, chroot_denylist: 'debian-*' })
  const build = async (more: Json = {}) => {
    const json = { ...TARGET, package_name: 'lenscap', ...more }
    const made = BuildAnswer.parse(await t.get('/api_3/package/build', { as: 'dana', json }))
    const { timeout, source_dict } = await t.get<{ timeout: number; source_dict: Json }>(
      `/api_3/build/source-build-config/${made.id}`,
    )
    assert.equal(source_dict['chroot'], 'fedora-43-x86_64')
    assert.equal(made.source_package.name, 'lenscap')
    return { timeout, chroots: made.chroots, state: made.state }
  }
  const chroots = ['fedora-43-x86_64']
  assert.deepEqual(await build(), { timeout: 100, chroots, state: 'pending' })
  assert.deepEqual(await build({ timeout: '200', chroots: ['debian-*'] }), {
    timeout: 200,
    chroots: ['debian-12-x86_64'],
    state: 'pending',
  })
  await edit(t, 'lenscap', { chroot_denylist: '', timeout: 0 })
  assert.deepEqual(await build({ timeout: 0 }), {
    timeout: 18_000,
    chroots: ['debian-12-x86_64', 'fedora-43-x86_64'],
    state: 'pending',
  })
  assert.match(
    await refusal(t, '/package/build', {
      ...TARGET,
      package_name: 'lenscap',
      exclude_chroots: '*',
    }),
    /^400 exclude_chroots/,
  )
})

test('package/delete deletes the builds as well, if all are finished', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  await add(t, 'rubygems', { gem_name: 'lens' })
  const json = { ...TARGET, package_name: 'lenscap' }
  const { id } = BuildAnswer.parse(await t.get('/api_3/package/build', { as: 'dana', json }))
  assert.match(
    await refusal(t, '/package/delete', json, 'DELETE'),
    /^400 .*unfinished builds: build 1$/,
  )
  await finish(t, id)
  const deleted = await t.get('/api_3/package/delete', { as: 'dana', json, method: 'DELETE' })
  assert.equal(PackageAnswer.parse(deleted).name, 'lenscap')
  assert.equal((await t.ask(`/api_3/build/${id}`)).status, 404)
  assert.equal((await t.db.selectFrom('removal').selectAll().execute()).length > 0, true)
})

test('changes to packages are in the audit log', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  await add(t, 'rubygems', { gem_name: 'lens' })
  await edit(t, 'lenscap', { max_builds: 5 })
  const json = { ...TARGET, package_name: 'lenscap' }
  await t.get('/api_3/package/reset', { as: 'dana', json, method: 'PUT' })
  await t.get('/api_3/package/delete', { as: 'dana', json, method: 'DELETE' })
  const entries = (await listAudit(t.db, {}, 20)).filter(({ action }) =>
    action.startsWith('package'),
  )
  assert.deepEqual(
    entries.map(({ action, actor, subject }) => [action, actor, subject]),
    ['delete', 'reset', 'edit', 'add'].map((verb) => [
      `package.${verb}`,
      'dana',
      'dana/telescope lenscap',
    ]),
  )
})
