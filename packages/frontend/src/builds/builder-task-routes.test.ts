import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixtures } from '@copr/domain/testing/fixtures'
import { link, upload } from '../testing/test-builds.ts'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'

const CHROOT = 'fedora-43-x86_64'
const SITE = 'http://copr.example.org:5000'

test('get-build-task describes a build in a chroot as copr-rpmbuild reads it', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t, { isolation: 'simple', fedora_review: true })
  await t.ask(`/api_3/project-chroot/edit/dana/telescope/${CHROOT}`, {
    as: 'dana',
    method: 'PUT',
    json: {
      with_opts: '--tests',
      additional_packages: 'ccache',
      additional_modules: 'nodejs:22,!perl:5.40',
      bootstrap_image: 'example.org/f:43',
    },
  })
  const { id } = await upload(t)
  const git_commit = 'a'.repeat(40)
  await fixtures(t.db).updateTable('build_chroot').set({ git_commit }).execute()
  const path = `/backend/get-build-task/${id}-${CHROOT}`
  const response = await t.ask(path)
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('Copr-FE-BE-API-Version'), '9')
  assert.deepEqual(await response.json(), {
    task_id: `${id}-${CHROOT}`,
    build_id: id,
    project_owner: 'dana',
    sandbox: 'dana/telescope--dana',
    background: false,
    chroot: CHROOT,
    tags: [],
    allow_user_ssh: false,
    project_name: 'telescope',
    project_dirname: 'telescope',
    submitter: 'dana',
    repos: [
      {
        id: 'copr_base',
        name: 'Copr repository',
        baseurl: `${SITE}/results/dana/telescope/${CHROOT}/`,
        repo_gpgcheck: false,
      },
    ],
    buildroot_pkgs: ['ccache'],
    with_opts: ['tests'],
    without_opts: [],
    modules: { toggle: [{ enable: 'nodejs:22' }, { disable: 'perl:5.40' }] },
    memory_reqs: 2048,
    timeout: 18000,
    enable_net: false,
    git_repo: `${SITE}/git/dana/telescope/hello`,
    git_hash: git_commit,
    package_name: 'hello',
    package_version: '2.12-1',
    uses_devel_repo: false,
    isolation: 'simple',
    bootstrap: 'custom_image',
    bootstrap_image: 'example.org/f:43',
    fedora_review: true,
    appstream: false,
    repo_priority: null,
    ssh_public_keys: null,
    storage: 0,
  })
  assert.equal((await t.ask(`${path}/`)).status, 200)

  await fixtures(t.db).updateTable('project_chroot').set({ is_enabled: false }).execute()
  assert.equal(await (await t.ask(path)).json(), null)
})

test('get-build-task returns 404 with the reason if the build or its chroot does not exist', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await upload(t)
  for (const [task, msg] of [
    [`99999-${CHROOT}`, 'Build 99999 does not exist'],
    [`${'9'.repeat(30)}-${CHROOT}`, /^Build .* does not exist$/],
    [`${id}-fedora-1-x86_64`, `Build ${id} was not submitted to fedora-1-x86_64 chroot`],
  ] as const) {
    const response = await t.ask(`/backend/get-build-task/${task}`)
    assert.equal(response.status, 404)
    const answer = (await response.json()) as { msg: string }
    if (typeof msg === 'string') assert.equal(answer.msg, msg)
    else assert.match(answer.msg, msg)
  }
  assert.equal((await t.ask('/backend/get-build-task/x')).status, 404)
})

test('get-srpm-build-task describes the source of a build', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await link(t)
  const task = (await t.get(`/backend/get-srpm-build-task/${id}`)) as Record<string, unknown>
  assert.equal(task['task_id'], String(id))
  assert.equal(task['source_type'], 1)
  assert.match(String(task['source_json']), /^\{"url":"https:/)
  assert.deepEqual(task['distributions_in_project'], ['debian-12', 'fedora-43'])
  assert.deepEqual(task['distributions_in_build'], [])

  const json = {
    ownername: 'dana',
    projectname: 'telescope',
    script: 'true',
    chroot: CHROOT,
    repos: 'https://deps.example.org/$chroot/',
  }
  const custom = (await t.get('/api_3/build/create/custom', { as: 'dana', json })) as { id: number }
  const made = (await t.get(`/backend/get-srpm-build-task/${custom.id}`)) as {
    chroot: string
    repos: { baseurl: string }[]
  }
  assert.equal(made.chroot, CHROOT)
  assert.deepEqual(
    made.repos.map(({ baseurl }) => baseurl),
    [`https://deps.example.org/${CHROOT}/`],
  )
  assert.equal((await t.ask('/backend/get-srpm-build-task/777')).status, 404)
})
