import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import type { StatusForge } from '@copr/contract/api/webhooks'
import { COMMAND } from '@copr/domain/audit/actor'
import { secretName, setSecret } from '@copr/domain/secrets/project-secrets'
import { takeDueStatuses } from '@copr/domain/received-webhooks/commit-statuses'
import { fixtures } from '@copr/domain/testing/fixtures'
import { makeLog } from '@copr/process/log'
import { TestBackend } from '../testing/test-backend.ts'
import { reportStatuses } from './report-statuses.ts'

const SHA = 'da1560886d4f094c3e6c9ef40349f7d38b5d27d7'
const TOKEN = 'canary-token'
const { signal: never } = new AbortController()

interface Received {
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: Record<string, unknown>
}

type Respond = (response: ServerResponse, received: Received) => void

/** A forge on loopback. */
async function startForge(t: TestContext, respond: Respond) {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    const body = JSON.parse(await text(request)) as Record<string, unknown>
    received.push({ method, url, headers, body })
    respond(response, { method, url, headers, body })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const created: Respond = (response) => response.writeHead(201).end('{}')

/** Starts a backend whose project has a token for a forge, with a clock and a log. */
async function start(
  t: TestContext,
  url: string,
  forge: StatusForge,
  allow: string[] = ['127.0.0.0/8'],
) {
  const system = await TestBackend.start({ withKeygen: true })
  t.after(() => system[Symbol.asyncDispose]())
  const { project, db } = system
  const lines: string[] = []
  // Later than the time of submission of every build, which is taken from the real clock.
  const clock = { now: new Date(Date.now() + 3_600_000) }
  const reporter = {
    ...system.backend,
    config: { ...system.backend.config, allow_private_urls: allow },
    log: makeLog('backend', { write: (line) => void lines.push(line) }),
    now: () => clock.now,
  }
  const setToken = async (secret = TOKEN): Promise<void> => {
    const name = secretName({ project_id: project.id, kind: 'forge', url })
    const sealed = await system.keygenAdmin.seal({ ...name, secret })
    const described = { kind: 'forge' as const, url, forge }
    await setSecret(db, COMMAND, { project, secret: described, sealed, now: clock.now })
  }
  await setToken()
  return {
    system,
    lines,
    setToken,
    build: async (): Promise<number> =>
      await system.submit(
        { type: 'scm', json: { clone_url: `${url}/dana/lens.git` } },
        { commit_status: { clone_url: `${url}/dana/lens.git`, commit: SHA, context: 'copr/lens' } },
      ),
    end: async (id: number, state: 'succeeded' | 'failed' | 'canceled' = 'succeeded') =>
      await fixtures(db)
        .updateTable('build')
        .set({ state, finished_at: clock.now })
        .where('id', '=', id)
        .execute(),
    report: async () => await reportStatuses(reporter, never),
    pass: (seconds: number) => (clock.now = new Date(clock.now.getTime() + seconds * 1000)),
    status: async (id: number) =>
      await db
        .selectFrom('commit_status')
        .selectAll()
        .where('build_id', '=', id)
        .executeTakeFirst(),
    secret: async () => await db.selectFrom('project_secret').selectAll().executeTakeFirstOrThrow(),
  }
}

for (const [forge, path, header, value, states] of [
  [
    'github',
    `/api/v3/repos/dana/lens/statuses/${SHA}`,
    'authorization',
    `Bearer ${TOKEN}`,
    ['pending', 'success', 'failure', 'error'],
  ],
  [
    'gitlab',
    `/api/v4/projects/dana%2Flens/statuses/${SHA}`,
    'private-token',
    TOKEN,
    ['pending', 'success', 'failed', 'canceled'],
  ],
  [
    'forgejo',
    `/api/v1/repos/dana/lens/statuses/${SHA}`,
    'authorization',
    `token ${TOKEN}`,
    ['pending', 'success', 'failure', 'error'],
  ],
] as const)
  test(`${forge} receives the states of a build, each once`, async (t) => {
    const { url, received } = await startForge(t, created)
    const { build, end, report } = await start(t, url, forge)
    const ids = [await build(), await build(), await build()]
    await report()
    await report()
    assert.equal(received.length, 3)
    for (const [i, state] of (['succeeded', 'failed', 'canceled'] as const).entries())
      await end(ids[i] ?? 0, state)
    await report()
    await report()
    const seen = received.map(({ body }) => String(body['state'])).toSorted()
    assert.deepEqual(seen, ['pending', 'pending', ...states].toSorted())
    for (const each of received) {
      assert.deepEqual([each.method, each.url, each.headers[header]], ['POST', path, value])
      assert.equal(each.body['context'] ?? each.body['name'], 'copr/lens')
      assert.match(String(each.body['target_url']), /^http:\/\/copr\.example\/coprs\/build\/\d+\/$/)
    }
  })

test('after an outage, a status is reported again with increasing delays', async (t) => {
  let isAway = true
  const { url, received } = await startForge(t, (response) =>
    response.writeHead(isAway ? 503 : 201).end('{}'),
  )
  const { build, report, pass, status, secret } = await start(t, url, 'github')
  const id = await build()
  await report()
  await report()
  assert.equal(received.length, 1)
  assert.match((await secret()).last_error ?? '', /the forge returned 503 for dana\/lens/)
  pass(11)
  await report()
  pass(11)
  await report()
  assert.equal(received.length, 2, 'the second wait is longer than the first')
  pass(10)
  isAway = false
  await report()
  assert.equal(received.length, 3)
  assert.deepEqual([(await status(id))?.reported, (await secret()).last_error], ['pending', null])
})

test('a status whose token is refused is not reported until there is a new token, and the token is not logged', async (t) => {
  const { url, received } = await startForge(t, (response, { headers }) =>
    headers.authorization === 'Bearer better'
      ? response.writeHead(201).end('{}')
      : response.writeHead(401).end(`Bad credentials ${headers.authorization}\n`),
  )
  const { build, report, pass, status, secret, lines, setToken } = await start(t, url, 'github')
  const id = await build()
  await report()
  pass(86_400)
  await report()
  assert.equal(received.length, 1)
  assert.match(
    (await status(id))?.given_up ?? '',
    /the forge returned 401 .* Bad credentials Bearer \*\*\*/,
  )
  assert.match(lines.join(''), /Cannot report a commit status: given up/)
  assert.doesNotMatch(lines.join(''), /canary/)
  assert.doesNotMatch(JSON.stringify([await status(id), (await secret()).last_error]), /canary/)
  await setToken('better')
  await report()
  assert.equal((await status(id))?.reported, 'pending')
})

test('nothing is sent to a forge at a private address that is not allowed', async (t) => {
  const { url, received } = await startForge(t, created)
  const { build, report, status } = await start(t, url, 'github', [])
  const id = await build()
  await report()
  assert.match(
    (await status(id))?.given_up ?? '',
    /resolves to a private address, which is not allowed/,
  )
  assert.equal(received.length, 0)
})

test('redirects are not followed, so the token reaches no other host', async (t) => {
  const other = await startForge(t, created)
  const { url } = await startForge(t, (response) =>
    response.writeHead(302, { location: `${other.url}/` }).end(),
  )
  const { build, report, status } = await start(t, url, 'github')
  const id = await build()
  await report()
  assert.match((await status(id))?.given_up ?? '', /the forge returned 302/)
  assert.equal(other.received.length, 0)
})

test('two concurrent processes report a status only once', async (t) => {
  const { url, received } = await startForge(t, created)
  const { build, report } = await start(t, url, 'github')
  await build()
  await Promise.all([report(), report(), report()])
  assert.equal(received.length, 1)
})

test('a status whose report was interrupted is reported again after the lease expires', async (t) => {
  const { url, received } = await startForge(t, created)
  const { build, report, pass, system } = await start(t, url, 'github')
  await build()
  await takeDueStatuses(system.db, pass(0), 1)
  await report()
  assert.equal(received.length, 0)
  pass(121)
  await report()
  assert.equal(received.length, 1)
})

test('a status counts as reported if GitLab refuses it because it is already set', async (t) => {
  const { url } = await startForge(t, (response) =>
    response
      .writeHead(400)
      .end('{"message": "Cannot transition status via :enqueue from :pending"}'),
  )
  const { build, report, status } = await start(t, url, 'gitlab')
  const id = await build()
  await report()
  assert.deepEqual([(await status(id))?.reported, (await status(id))?.given_up], ['pending', null])
})

test('no status is stored if the project has no token for the forge of the repository', async (t) => {
  const { system, status } = await start(t, 'https://git.example.org', 'github')
  const clone_url = 'https://git.example.com/dana/lens'
  const id = await system.submit(
    { type: 'scm', json: { clone_url } },
    { commit_status: { clone_url, commit: SHA, context: 'copr/lens' } },
  )
  assert.equal(await status(id), undefined)
})
