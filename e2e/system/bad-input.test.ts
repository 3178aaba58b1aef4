import assert from 'node:assert/strict'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'
import { type ApiClient, apiClient, uploadForm } from '@copr/testkit/system/api-client'
import { anotherUser, failReason } from '@copr/testkit/system/build-summary'
import { listTree } from '@copr/testkit/system/leftovers'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { startSystem, type System } from '@copr/testkit/system/start-system'
import { tinySources, type TinySources } from '@copr/testkit/system/tiny-srpm'
import { until } from '@copr/testkit/system/until'
import { FAILED, MARK, MIB, REFUSED, whole } from './bad-packages.ts'
import { serveBadUrls } from './bad-urls.ts'

const PROJECT = 'bad'
suite('bad input', { skip: whyNoSystem(process.env['PATH']) }, () => {
  let system: System
  let api: ApiClient
  let sources: TinySources
  let server: Server
  let served: string

  before(async () => {
    sources = tinySources()
    system = await startSystem({ builders: 2, limits: { max_unpacked_bytes: 64 * MIB } })
    api = system.api
    await api.createProject(PROJECT)
    server = await serveBadUrls()
    served = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(async () => {
    server?.closeAllConnections()
    server?.close()
    sources?.[Symbol.dispose]()
    await system?.[Symbol.asyncDispose]()
  })

  const send = async (content: Buffer, name = 'hello-1.0-1.src.rpm', options: object = {}) =>
    await api.raw(
      'POST',
      'build/create/upload',
      await uploadForm(api.username, PROJECT, { name, content: new Uint8Array(content) }, options),
    )

  const trees = (): string[] =>
    ['results', 'distgit', 'uploads', 'staging'].flatMap((dir) =>
      listTree(join(system.dataDir, dir)).map((path) => `${dir}/${path}`),
    )

  function assertNoMark(): void {
    const found = [
      ...listTree(system.dataDir).filter((path) => !path.startsWith('postgres/')),
      ...readdirSync(tmpdir()),
      ...readdirSync('/'),
    ]
    assert.deepEqual(
      found.filter((path) => path.includes(MARK)),
      [],
    )
  }

  for (const { title, name, content, message } of REFUSED)
    test(`refused: ${title}`, async (t) => {
      const [treesBefore, buildsBefore] = [trees(), await countBuilds()]
      const { status, body } = await send(content(), name)
      assert.equal(status, 400, JSON.stringify(body))
      assert.deepEqual(Object.keys(body), ['error'])
      assert.match(String(body['error']), message)
      t.diagnostic(String(body['error']))
      assert.equal(await countBuilds(), buildsBefore)
      assert.deepEqual(trees(), treesBefore)
      assertNoMark()
    })

  for (const { title, content, reason } of FAILED)
    test(`failed: ${title}`, async (t) => {
      const treesBefore = new Set(trees())
      const sent = content()
      // Creating the content may take seconds, during which the server closes idle connections. fetch() must notice this before it sends
      // anything.
      await setImmediate()
      const { status, body } = await send(sent)
      if (status !== 200) {
        assert.ok([400, 413].includes(status), `status ${status}`)
        assert.match(String(body['error']), reason)
        t.diagnostic(String(body['error']))
      } else {
        const id = Number(body['id'])
        assert.equal((await api.waitForBuild(id, 30_000)).state, 'failed')
        const said = await failReason(system, id)
        assert.match(said, reason)
        t.diagnostic(said)
        await untilUploadsGone()
        const mine = `results/${api.username}/${PROJECT}/srpm-builds/${String(id).padStart(8, '0')}/`
        const made = trees().filter((path) => !treesBefore.has(path))
        assert.deepEqual(
          made.filter(
            (path) =>
              !(
                path.startsWith(mine) &&
                /\/((import|backend|builder-live)\.log(\.gz)?|results\.json)$/.test(path)
              ),
          ),
          [],
        )
      }
      assertNoMark()
    })

  async function countBuilds(): Promise<number> {
    const { body } = await api.raw(
      'GET',
      `build/list?ownername=${api.username}&projectname=${PROJECT}`,
    )
    return (body['items'] as unknown[]).length
  }

  async function untilUploadsGone(): Promise<void> {
    const left = (): string[] => [
      ...listTree(join(system.dataDir, 'uploads')),
      ...listTree(join(system.dataDir, 'staging')),
    ]
    await until(() => left().length === 0, {
      timeout_ms: 15_000,
      what: 'uploads and staging to be empty',
      seen: left,
    })
  }

  for (const [title, path, reason] of [
    ['answers 404', 'missing.src.rpm', /404/],
    ['answers with a page', 'page.src.rpm', /not an RPM|RPM/],
    ['breaks off', 'breaks.src.rpm', /was interrupted after \d+ bytes/],
    ['never answers', 'hangs.src.rpm', /timeout|in time|seconds/i],
    ['stops half-way', 'stalls.src.rpm', /timeout|in time|seconds/i],
  ] as const)
    test(`a URL that ${title} fails its build`, async () => {
      const { id } = await api.urlBuild(PROJECT, `${served}/${path}`, { timeout: 6 })
      assert.equal((await api.waitForBuild(id, 60_000)).state, 'failed')
      assert.match(await failReason(system, id), reason)
      assertNoMark()
    })

  test('a build from a URL at which no server listens fails', async () => {
    const { id } = await api.urlBuild(PROJECT, 'http://127.0.0.1:9/hello.src.rpm', { timeout: 20 })
    assert.equal((await api.waitForBuild(id, 60_000)).state, 'failed')
    assert.match(await failReason(system, id), /127\.0\.0\.1:9|hello\.src\.rpm/)
  })

  test('invalid URLs are refused', async () => {
    for (const url of [
      'file:///etc/passwd.src.rpm',
      'not-a-url',
      'ftp://host.invalid/a.src.rpm',
      `${served}/a.tar.gz`,
    ]) {
      const { status, body } = await api.raw('POST', 'build/create/url', {
        ownername: api.username,
        projectname: PROJECT,
        pkgs: [url],
      })
      assert.equal(status, 400, url)
      assert.match(String(body['error']), /URL|src\.rpm/)
    }
  })

  test('the error for an unknown chroot contains its name', async () => {
    const added = await api.raw('POST', `project/add/${api.username}`, {
      name: 'other',
      chroots: ['fedora-999-x86_64'],
    })
    assert.equal(added.status, 400)
    assert.match(String(added.body['error']), /fedora-999-x86_64/)
    const built = await send(whole(), undefined, { chroots: ['fedora-999-x86_64'] })
    assert.equal(built.status, 400)
    assert.match(String(built.body['error']), /fedora-999-x86_64/)
    const got = await api.raw(
      'GET',
      `project-chroot?ownername=${api.username}&projectname=${PROJECT}&chrootname=fedora-999-x86_64`,
    )
    assert.equal(got.status, 404)
  })

  test('a user cannot change the project of another user', async () => {
    const other = await anotherUser(system, 'mallory')
    const { id } = await api.uploadBuild(PROJECT, await sources.make({ name: 'mine' }))
    await api.waitForBuild(id)
    const target = { ownername: api.username, projectname: PROJECT }
    const calls = [
      await other.raw(
        'POST',
        'build/create/upload',
        await uploadForm(api.username, PROJECT, {
          name: 'hello-1.0-1.src.rpm',
          content: new Uint8Array(whole()),
        }),
      ),
      await other.raw('POST', 'build/create/url', {
        ...target,
        pkgs: [`${served}/missing.src.rpm`],
      }),
      await other.raw('PUT', `build/cancel/${id}`),
      await other.raw('DELETE', `build/delete/${id}`),
      await other.raw('PUT', `project/edit/${api.username}/${PROJECT}`, {
        description: 'mine now',
      }),
      await other.raw('DELETE', `project/delete/${api.username}/${PROJECT}`, { verify: true }),
      await other.raw('POST', `project/add/${api.username}`, {
        name: 'theirs',
        chroots: [DISTRO_CHROOT],
      }),
    ]
    for (const { status, body } of calls) {
      assert.equal(status, 403, JSON.stringify(body))
      assert.deepEqual(Object.keys(body), ['error'])
    }
    assert.equal((await api.build(id)).state, 'succeeded')
    await untilUploadsGone()
  })

  test('a request for a project that does not exist gets 404 and a message', async () => {
    const { status, body } = await api.raw(
      'POST',
      'build/create/upload',
      await uploadForm(api.username, 'nowhere', {
        name: 'hello-1.0-1.src.rpm',
        content: new Uint8Array(whole()),
      }),
    )
    assert.equal(status, 404)
    assert.match(String(body['error']), /does not exist/)
  })

  test('any invalid token gets 401', async () => {
    const { login, token } = system.credentials
    const wrong = [
      { login, token: 'x'.repeat(30) },
      { login: 'nobody', token },
      { login, token: '' },
    ]
    for (const credentials of wrong) {
      const { status, body } = await apiClient(system.url, 'admin', credentials).raw(
        'GET',
        'auth-check',
      )
      assert.equal(status, 401)
      assert.match(String(body['error']), /\/api/)
    }
    for (const authorization of [
      '',
      'Basic',
      'Basic !!!',
      'Bearer abc',
      `Basic ${Buffer.from('no colon').toString('base64')}`,
    ]) {
      const response = await fetch(`${system.url}/api_3/auth-check`, { headers: { authorization } })
      assert.equal(response.status, 401, authorization)
      assert.ok('error' in ((await response.json()) as object))
    }
    const form = await uploadForm(api.username, PROJECT, {
      name: 'hello-1.0-1.src.rpm',
      content: new Uint8Array(whole()),
    })
    assert.equal(
      (await apiClient(system.url, 'admin').raw('POST', 'build/create/upload', form)).status,
      401,
    )
    assert.deepEqual(listTree(join(system.dataDir, 'uploads')), [])
  })

  test('invalid bodies and paths get an API error', async () => {
    const headers = {
      'content-type': 'application/json',
      authorization: `Basic ${Buffer.from(`${system.credentials.login}:${system.credentials.token}`).toString('base64')}`,
    }
    const post = async (path: string, body: string) =>
      await fetch(`${system.url}/api_3/${path}`, { method: 'POST', headers, body })
    for (const [response, status] of [
      [await post('build/create/url', '{"ownername": '), 400],
      [await post('build/create/url', '[]'), 400],
      [await post('build/create/upload', '{}'), 400],
      [await post('no/such/path', '{}'), 404],
      [await post('build/1', '{}'), 405],
    ] as const) {
      assert.equal(response.status, status, response.url)
      assert.deepEqual(Object.keys((await response.json()) as object), ['error'])
    }
  })

  test('a project name that would escape from its folder is refused', async () => {
    for (const name of ['../up', 'a/b', '-dash', 'new\nline', 'nul\0', '.', '..', '']) {
      const { status, body } = await api.raw('POST', `project/add/${api.username}`, {
        name,
        chroots: [DISTRO_CHROOT],
      })
      assert.equal(status, 400, name)
      assert.match(String(body['error']), /name|NUL/)
    }
  })

  test('request paths cannot lead out of the results tree', async () => {
    for (const path of [
      'results/%2e%2e/copr.yaml',
      'results/..%2f..%2fetc/passwd',
      'results/admin/%2e%2e/%2e%2e/copr.yaml',
      'git/%2e%2e/copr.yaml',
      'lookaside/..%2fcopr.yaml',
      'tmp/..%2fcopr.conf/x',
      'results/admin/%00',
    ]) {
      const response = await fetch(`${system.url}/${path}`)
      assert.ok([400, 403, 404].includes(response.status), `${path} answered ${response.status}`)
      assert.doesNotMatch(await response.text(), /database_url|token =|root:x:/)
    }
  })

  test('a valid package still builds after all the invalid requests', async () => {
    const { id } = await api.uploadBuild(PROJECT, await sources.make({ name: 'good' }))
    assert.equal((await api.waitForBuild(id)).state, 'succeeded', system.logs())
    await untilUploadsGone()
    assertNoMark()
    assert.doesNotMatch(
      readFileSync(join(system.dataDir, 'logs', 'copr.log'), 'utf8'),
      /"level":60/,
    )
    await system.stop()
  })
})
