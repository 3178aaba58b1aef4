import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addTelescope, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'

const SECRET = '0d2c3d0e-5d5b-4d67-9a53-2f6c0c9b7f11'
const CLONE = 'https://github.example.org/dana/lens.git'

const PUSH = {
  ref: 'refs/heads/main',
  after: 'abc123',
  repository: { clone_url: CLONE },
  commits: [{ added: ['lens.spec'], modified: [], removed: [] }],
  sender: { url: 'https://api.github.example.org/users/dana' },
}

/** Opens a frontend with dana/telescope and the package lens, which webhooks rebuild. */
async function open(): Promise<TestFrontend> {
  const t = await openTestFrontend()
  await addTelescope(t)
  await t.db.updateTable('project').set({ webhook_secret: SECRET }).execute()
  const source_json = JSON.stringify({ type: 'git', clone_url: CLONE, committish: '' })
  await t.db
    .insertInto('package')
    .values({
      project_id: 1,
      name: 'lens',
      source_type: 'scm',
      source_json,
      webhook_rebuild: true,
      created_at: t.frontend.now(),
    })
    .execute()
  return t
}

const hook = (t: TestFrontend, path: string, json: unknown, headers = {}) =>
  t.ask(path, { method: 'POST', json, headers: { 'x-github-event': 'push', ...headers } })

const builds = (t: TestFrontend) =>
  t.db
    .selectFrom('build')
    .select(['source_json', 'submitter_id', 'submitted_by', 'is_background', 'project_dir_id'])
    .orderBy('id')
    .execute()

test('a push to GitHub starts a background build of the commit, without a submitter', async () => {
  await using t = await open()
  const response = await hook(t, `/webhooks/github/1/${SECRET}/`, PUSH)
  assert.equal(await response.text(), 'OK')
  const [build, ...more] = await builds(t)
  assert.equal(more.length, 0)
  assert.equal(build?.source_json['committish'], 'abc123')
  assert.equal(build?.is_background, true)
  assert.equal(build?.submitter_id, null)
  assert.equal(build?.submitted_by, PUSH.sender.url)
  assert.equal((await t.get('/api_3/build/1'))['submitter'], null)
})

test('a push to GitLab and a tag on Bitbucket are built as well', async () => {
  await using t = await open()
  const gitlab = {
    object_kind: 'push',
    ref: 'refs/heads/main',
    after: 'def456',
    project: { git_http_url: CLONE },
    commits: [{ modified: ['lens.spec'] }],
    user_username: 'dana',
  }
  assert.equal((await hook(t, `/webhooks/gitlab/1/${SECRET}`, gitlab)).status, 200)
  const href = CLONE.replace('.git', '')
  const bitbucket = {
    repository: { links: { html: { href } } },
    push: { changes: [{ new: { type: 'tag', name: 'lens-2.0', target: { hash: 'x' } } }] },
    actor: { links: { html: { href: 'https://bitbucket.example.org/dana' } } },
  }
  assert.equal((await hook(t, `/webhooks/bitbucket/1/${SECRET}/`, bitbucket)).status, 200)
  assert.deepEqual(
    (await builds(t)).map(({ source_json, submitted_by }) => [
      source_json['committish'],
      submitted_by,
    ]),
    [
      ['def456', 'gitlab.com:dana'],
      ['lens-2.0', 'https://bitbucket.example.org/dana'],
    ],
  )
})

test('a push that matches no package is answered with OK and builds nothing', async () => {
  await using t = await open()
  const other = { ...PUSH, repository: { clone_url: 'https://github.example.org/kim/lens' } }
  assert.equal((await hook(t, `/webhooks/github/1/${SECRET}/`, other)).status, 200)
  assert.deepEqual(await builds(t), [])
})

test('a ping from GitHub is answered before any check', async () => {
  await using t = await open()
  const ping = { 'x-github-event': 'ping' }
  assert.equal(await (await hook(t, '/webhooks/github/9/wrong/', {}, ping)).text(), 'OK')
})

for (const [path, json, headers, status] of [
  ['/webhooks/github/9/wrong/', PUSH, {}, 404],
  ['/webhooks/github/1/wrong/', PUSH, {}, 403],
  [`/webhooks/github/1/${SECRET}/`, {}, {}, 400],
  [`/webhooks/gitlab/1/${SECRET}/`, { object_kind: 'push' }, {}, 400],
  [`/webhooks/bitbucket/1/${SECRET}/`, { push: { changes: [] } }, {}, 400],
  [`/webhooks/github/99999999999999999999/${SECRET}/`, PUSH, {}, 404],
] as const)
  test(`POST ${path} with ${JSON.stringify(json).slice(0, 30)} answers ${status}`, async () => {
    await using t = await open()
    const response = await hook(t, path, json, headers)
    assert.equal(response.status, status)
    assert.deepEqual(await builds(t), [])
  })

test('a request to the GitHub webhook without X-GitHub-Event is refused', async () => {
  await using t = await open()
  const response = await t.ask(`/webhooks/github/1/${SECRET}/`, { method: 'POST', json: PUSH })
  assert.equal(response.status, 400)
})

test('the custom webhook returns the id of the build, and stores the request body for it', async () => {
  await using t = await open()
  const body = '{"any": "thing"}'
  const response = await t.ask(`/webhooks/custom/1/${SECRET}/lens/`, { method: 'POST', body })
  assert.deepEqual([response.status, await response.text()], [200, '1\n'])
  const [build] = await builds(t)
  assert.equal(build?.source_json['hook_data'], true)
  const payload = await t.ask(`/tmp/${String(build?.source_json['tmp'])}/hook_payload`)
  assert.equal(await payload.text(), body)
})

test('the custom webhook for a directory creates the directory', async () => {
  await using t = await open()
  const path = `/webhooks/custom-dir/dana/telescope:custom:next/${SECRET}/lens/`
  assert.equal((await t.ask(path, { method: 'POST', body: 'x' })).status, 200)
  assert.equal((await t.get('/api_3/build/1'))['project_dirname'], 'telescope:custom:next')
})

for (const [path, word, status] of [
  ['/webhooks/custom/', 'COPR_ID_OR_UUID_TOKEN_MISSING', 400],
  ['/webhooks/custom/1/', 'COPR_ID_OR_UUID_TOKEN_MISSING', 400],
  [`/webhooks/custom/7/${SECRET}/lens/`, 'PROJECT_NOT_FOUND', 404],
  ['/webhooks/custom/1/wrong/lens/', 'BAD_UUID', 403],
  [`/webhooks/custom/1/${SECRET}/`, 'PACKAGE_NAME_REQUIRED', 400],
  [`/webhooks/custom/1/${SECRET}/none/`, 'PACKAGE_NOT_FOUND', 404],
  [`/webhooks/custom-dir/dana/telescope:what:x/${SECRET}/lens/`, 'CANT_CREATE_DIRECTORY', 400],
  [`/webhooks/custom-dir/dana/none/${SECRET}/lens/`, 'PROJECT_NOT_FOUND', 404],
] as const)
  test(`POST ${path} answers ${word}`, async () => {
    await using t = await open()
    const response = await t.ask(path, { method: 'POST', body: 'x' })
    assert.deepEqual([response.status, await response.text()], [status, `${word}\n`])
  })
