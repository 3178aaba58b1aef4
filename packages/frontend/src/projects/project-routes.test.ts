import { ErrorAnswer, listOf } from '@copr/contract/api/lists'
import { ProjectAnswer } from '@copr/contract/api/projects'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'
import { testKeygen } from '../testing/test-keygen.ts'

const TELESCOPE = '/api_3/project?ownername=dana&projectname=telescope'

test('project/add returns the project with its repositories', async () => {
  await using t = await openTestFrontend()
  const json = {
    name: 'telescope',
    chroots: ['debian-12-x86_64'],
    description: 'Nightly builds',
    homepage: 'https://telescope.example.org',
    contact: null,
    additional_repos: 'https://deps.example.org/$chroot/ https://more.example.org/',
    delete_after_days: '5',
    repo_priority: '7',
    enable_net: 'False',
    unlisted_on_hp: 'false',
    progress_callback: null,
    bootstrap_image: null,
  }
  const project = ProjectAnswer.parse(
    await t.get('/api_3/project/add/dana?ownername=dana', { as: 'dana', json }),
  )
  assert.equal(project.full_name, 'dana/telescope')
  assert.equal(project.contact, null)
  assert.equal(project.repo_priority, 7)
  assert.equal(project.enable_net, true) // any string but "false" is true
  assert.equal(project.unlisted_on_hp, false)
  assert.deepEqual(project.additional_repos, [
    'https://deps.example.org/$chroot/',
    'https://more.example.org/',
  ])
  assert.deepEqual(project.chroot_repos, {
    'debian-12-x86_64': 'http://copr.example.org:5000/results/dana/telescope/debian-12-x86_64/',
  })
  const repositories = await t.db.selectFrom('repository').selectAll().execute()
  assert.deepEqual(
    repositories.map((each) => [each.generation, each.published_generation]),
    [[1, 0]],
  )
})

test('project/add accepts a single chroot as a string, and form encodings', async () => {
  await using t = await openTestFrontend()
  await t.get('/api_3/project/add/dana', {
    as: 'dana',
    json: { name: 'one', chroots: 'debian-12-x86_64' },
  })
  const form = new FormData()
  form.append('name', 'two')
  form.append('chroots', 'debian-12-x86_64')
  form.append('chroots', 'fedora-43-x86_64')
  const two = await t.get('/api_3/project/add/dana', { as: 'dana', body: form })
  assert.equal(Object.keys(ProjectAnswer.parse(two).chroot_repos).length, 2)
  await t.get('/api_3/project/add/dana', {
    as: 'dana',
    body: 'name=three&chroots=debian-12-x86_64',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
})

const CHROOTS = ['debian-12-x86_64']
for (const [what, json, status, message] of [
  ['no name', { chroots: CHROOTS }, 400, /^name: This field is required/],
  ['a name with only digits', { name: '123', chroots: CHROOTS }, 400, /can not be just number/],
  ['a name with a slash', { name: '../x', chroots: CHROOTS }, 400, /^name: /],
  ['no chroots', { name: 'x', chroots: [] }, 400, /^chroots: at least one/],
  [
    'an unknown chroot',
    { name: 'x', chroots: ['nope-1-x86_64'] },
    400,
    /Unexpected chroot: nope-1-x86_64/,
  ],
  [
    'an invalid homepage',
    { name: 'x', chroots: CHROOTS, homepage: 'javascript:alert(1)' },
    400,
    /^homepage: /,
  ],
  [
    'an invalid repository',
    { name: 'x', chroots: CHROOTS, additional_repos: ['ftp://a.test/'] },
    400,
    /ftp:/,
  ],
  [
    'a repository of an unknown project',
    { name: 'x', chroots: CHROOTS, additional_repos: ['copr://dana/nope'] },
    400,
    /no such project/,
  ],
  [
    'a repo_priority that is not a number',
    { name: 'x', chroots: CHROOTS, repo_priority: 'high' },
    400,
    /^repo_priority: must be a whole/,
  ],
  [
    'an unknown bootstrap',
    { name: 'x', chroots: CHROOTS, bootstrap: 'maybe' },
    400,
    /^bootstrap: /,
  ],
  [
    'a persistent project of a user',
    { name: 'x', chroots: CHROOTS, persistent: true },
    403,
    /administrator/,
  ],
  ['an existing name', { name: 'telescope', chroots: CHROOTS }, 400, /already/],
  ['a NUL character', { name: 'x', chroots: CHROOTS, description: 'a\0b' }, 400, /NUL/],
  [
    'a description of 100,001 characters',
    { name: 'x', chroots: CHROOTS, description: 'a'.repeat(100_001) },
    400,
    /description: has more than 100000 characters/,
  ],
] as const)
  test(`project/add refuses ${what}`, async () => {
    await using t = await openTestFrontend()
    await addTelescope(t)
    const response = await t.ask('/api_3/project/add/dana', { as: 'dana', json })
    const { error } = ErrorAnswer.parse(await response.json())
    assert.match(error, message)
    assert.equal(response.status, status)
  })

test('project/add checks credentials, then the owner, then the form, then permissions', async () => {
  await using t = await openTestFrontend()
  const status = async (path: string, as: 'kim' | undefined, json: unknown) =>
    (await t.ask(path, { ...(as ? { as } : {}), json })).status
  assert.equal(await status('/api_3/project/add/nobody', undefined, {}), 401)
  assert.equal(await status('/api_3/project/add/nobody', 'kim', {}), 404)
  assert.equal(await status('/api_3/project/add/@nobody', 'kim', {}), 404)
  assert.equal(await status('/api_3/project/add/dana', 'kim', {}), 400)
  assert.equal(await status('/api_3/project/add/dana', 'kim', { name: 'x', chroots: CHROOTS }), 403)
  assert.equal(
    (await t.ask('/api_3/project/add/dana', { as: 'kim', body: '{', method: 'POST' })).status,
    400,
  )
})

test('project/add?exist_ok=True returns the existing project', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const json = { name: 'telescope', chroots: CHROOTS, description: 'other' }
  const again = await t.get('/api_3/project/add/dana?exist_ok=True', { as: 'dana', json })
  assert.equal(again['description'], '')
  assert.equal(
    (await t.ask('/api_3/project/add/dana?exist_ok=true', { as: 'dana', json })).status,
    400,
  )
})

test('project/add?exist_ok=True returns an existing project even to users who may not create it, whatever else they send', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const add = (json: object, name = 'True') =>
    t.ask(`/api_3/project/add/dana?exist_ok=${name}`, { as: 'kim', json })
  const found = await add({ name: 'telescope', chroots: ['no-such-chroot'], persistent: true })
  assert.equal(found.status, 200)
  assert.equal(ProjectAnswer.parse(await found.json()).full_name, 'dana/telescope')
  assert.equal((await add({ name: 'new', chroots: CHROOTS })).status, 403)
  assert.equal((await add({ name: 'telescope', chroots: CHROOTS }, 'False')).status, 400)
})

test('of several concurrent requests with exist_ok=True, one creates the project, and all return it', async () => {
  await using t = await openTestFrontend()
  const json = { name: 'telescope', chroots: CHROOTS }
  const asked = Array.from({ length: 5 }, () =>
    t.get('/api_3/project/add/dana?exist_ok=True', { as: 'dana', json }),
  )
  const ids = (await Promise.all(asked)).map(({ id }) => id)
  assert.equal(new Set(ids).size, 1, String(ids))
})

test('`GET project` accepts a trailing slash, and its 404 contains the text that scripts match', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  for (const path of [
    TELESCOPE,
    TELESCOPE.replace('?', '/?'),
    `${TELESCOPE}&extra=1&projectname=again`,
  ])
    ProjectAnswer.parse(await t.get(path))
  const missing = await t.ask('/api_3/project?ownername=dana&projectname=nope')
  assert.equal(missing.status, 404)
  assert.match(((await missing.json()) as { error: string }).error, /does not exist/)
  assert.equal((await t.ask('/api_3/project?ownername=dana')).status, 400)
})

test('project/list and search are paged', async () => {
  await using t = await openTestFrontend()
  for (const name of ['alpha', 'beta_1', 'gamma'])
    await t.get('/api_3/project/add/dana', { as: 'dana', json: { name, chroots: CHROOTS } })
  const names = async (path: string) =>
    listOf(ProjectAnswer)
      .parse(await t.get(`/api_3/project/${path}`))
      .items.map(({ name }) => name)
  assert.deepEqual(await names('list'), ['alpha', 'beta_1', 'gamma'])
  assert.deepEqual(await names('list?ownername=nobody'), [])
  assert.deepEqual(await names('list?ownername=dana&limit=2&offset=2'), ['gamma'])
  assert.deepEqual(await names('list?limit=1&order=name&order_type=DESC'), ['gamma'])
  assert.deepEqual(await names('search?query=dana'), ['gamma', 'beta_1', 'alpha'])
  assert.deepEqual(await names('search?query=dan/amm'), ['gamma'])
  assert.deepEqual(await names('search?query=a_1'), ['beta_1'])
  const page = await t.get('/api_3/project/list?limit=2&offset=4')
  assert.deepEqual(page, {
    items: [],
    meta: { limit: 2, offset: 4, order: 'id', order_type: 'ASC' },
  })
  for (const bad of [
    'list?order=password',
    'list?limit=x',
    'list?offset=-1',
    'list?order_type=UP',
    'search',
    'search?query=ab',
  ])
    assert.equal((await t.ask(`/api_3/project/${bad}`)).status, 400, bad)
})

test('project/list in descending order is the reverse of the ascending order, even among projects with the same name', async () => {
  await using t = await openTestFrontend()
  const json = { name: 'telescope', chroots: CHROOTS }
  for (const owner of ['dana', 'kim'] as const)
    await t.get(`/api_3/project/add/${owner}`, { as: owner, json })
  const owners = async (order_type: string): Promise<string[]> =>
    listOf(ProjectAnswer)
      .parse(await t.get(`/api_3/project/list?order=name&order_type=${order_type}`))
      .items.map(({ ownername }) => ownername)
  assert.deepEqual(await owners('ASC'), ['dana', 'kim'])
  assert.deepEqual(await owners('DESC'), ['kim', 'dana'])
})

test('project/edit changes only the fields that are sent', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t, { description: 'old', repo_priority: 5, delete_after_days: 3 })
  const edit = '/api_3/project/edit/dana/telescope'
  const json = {
    repos: ['https://a.example.org/'],
    description: null,
    instructions: 'Read me',
    delete_after_days: -1,
  }
  const changed = ProjectAnswer.parse(await t.get(edit, { as: 'dana', method: 'PUT', json }))
  assert.equal(changed.description, 'old')
  assert.equal(changed.repo_priority, 5)
  assert.deepEqual(changed.additional_repos, ['https://a.example.org/'])
  const old = await t.ask(`${edit}/`, {
    as: 'dana',
    method: 'POST',
    json: { use_bootstrap_container: true },
  })
  assert.match(old.headers.get('warning') ?? '', /Use PUT method instead of POST/)
  assert.equal(((await old.json()) as { bootstrap: string }).bootstrap, 'on')
  assert.equal((await t.ask(edit, { as: 'kim', method: 'PUT', json })).status, 403)
  assert.equal(
    (await t.ask(edit, { as: 'dana', method: 'PUT', json: { auto_prune: false } })).status,
    403,
  )
})

test('project/edit replaces the set of chroots, and keeps the data of a removed chroot for a week', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const edit = '/api_3/project/edit/dana/telescope'
  const json = { chroots: ['debian-12-x86_64', 'fedora-43-i386'] }
  const changed = ProjectAnswer.parse(await t.get(edit, { as: 'dana', method: 'PUT', json }))
  assert.deepEqual(Object.keys(changed.chroot_repos), ['debian-12-x86_64', 'fedora-43-i386'])
  const chroot =
    '/api_3/project-chroot?ownername=dana&projectname=telescope&chrootname=fedora-43-x86_64'
  assert.equal((await t.get(chroot))['delete_after_days'], 7)
})

test('project/delete frees the name immediately and schedules removal of the files', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const path = '/api_3/project/delete/dana/telescope'
  assert.equal((await t.ask(path, { as: 'kim', method: 'DELETE' })).status, 403)
  ProjectAnswer.parse(await t.get(path, { as: 'dana', method: 'DELETE', json: { verify: true } }))
  assert.equal((await t.ask(TELESCOPE)).status, 404)
  const removals = await t.db.selectFrom('removal').select(['place', 'path']).execute()
  assert.deepEqual(removals, [
    { place: 'results', path: 'dana/telescope' },
    { place: 'distgit', path: 'dana/telescope' },
  ])
  await addTelescope(t)
})

test('unknown API paths get 404 and wrong methods get 405, in JSON', async () => {
  await using t = await openTestFrontend()
  for (const [path, method, status] of [
    ['/api_3/nope', 'GET', 404],
    ['/api_3/build/abc', 'GET', 404],
    ['/api_3/module/build/dana/x', 'POST', 404],
    ['/api_3/project', 'DELETE', 405],
    ['/api_3/auth-check/', 'POST', 405],
  ] as const) {
    const response = await t.ask(path, { method })
    assert.equal(response.status, status, path)
    ErrorAnswer.parse(await response.json())
  }
  assert.deepEqual(await t.get('/api_3'), { version: 3 })
  assert.deepEqual(await t.get('/api_3/'), { version: 3 })
})

test('a project can be created while keygen is unreachable, and gets its key later', async () => {
  let isAway = true
  const { makeMissingKeys } = await import('./project-keys.ts')
  const key = {
    algorithm: 'rsa4096',
    fingerprint: 'A'.repeat(40),
    public_key: 'PEM',
    created_at: 0,
    expires_at: 1,
  } as const
  await using t = await openTestFrontend({
    keygen: {
      ...testKeygen(),
      makeKey: async () => (isAway ? Promise.reject(new Error('away')) : key),
    },
  })
  await addTelescope(t)
  isAway = false
  await makeMissingKeys(t.frontend)
  const { public_key } = await t.db
    .selectFrom('project')
    .select('public_key')
    .executeTakeFirstOrThrow()
  assert.equal(public_key, 'PEM')
})
