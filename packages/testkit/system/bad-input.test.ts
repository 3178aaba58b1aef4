import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type MadeFile, type MadeRpm, int64, makeRpm } from '@copr/rpm/testing/make-rpm'
import { SIGNATURE_TAG, TAG } from '@copr/rpm/tags'
import { DISTRO_CHROOT } from '../src/distro/chroot.ts'
import { type ApiClient, apiClient, uploadForm } from '../src/system/api-client.ts'
import { anotherUser, failReason } from '../src/system/build-facts.ts'
import { listTree } from '../src/system/leftovers.ts'
import { whyNoSystem } from '../src/system/requirements.ts'
import { startSystem, type System } from '../src/system/start-system.ts'
import { tinySources, type TinySources } from '../src/system/tiny-srpm.ts'
import { until } from '../src/system/until.ts'

const PROJECT = 'bad'
const SPEC: MadeFile = { name: 'hello.spec', content: 'Name: hello\nVersion: 1.0\nRelease: 1\n' }
/** Part of every name that must not come to be anywhere. */
const MARK = 'evil-mark'
const MIB = 1024 * 1024

const whole = (rpm: MadeRpm = {}): Buffer => makeRpm({ files: [SPEC], ...rpm })
const withFile = (file: MadeFile): Buffer => makeRpm({ files: [SPEC, file] })

/** Refused at once: no build comes of it. */
const REFUSED: { title: string; name?: string; content: () => Buffer; message: RegExp }[] = [
  { title: 'an empty file', content: () => Buffer.alloc(0), message: /empty/ },
  {
    title: 'a file that is not an RPM',
    content: () => Buffer.from('just some text\n'.repeat(100)),
    message: /not an RPM|lead|magic/i,
  },
  {
    title: 'a file cut off within its header',
    content: () => whole().subarray(0, 200),
    message: /truncated|ends|short|incomplete/i,
  },
  {
    title: 'a file cut off within its payload',
    content: () => cutOff(20),
    message: /truncated|should have \d+ bytes, not \d+/,
  },
  {
    title: 'a binary RPM',
    name: 'hello-1.0-1.noarch.rpm',
    content: () => whole({ sourceRpm: 'hello-1.0-1.src.rpm' }),
    message: /binary RPM/,
  },
  {
    title: 'a binary RPM with the name of a source package',
    content: () => whole({ sourceRpm: 'hello-1.0-1.src.rpm' }),
    message: /binary RPM/,
  },
  {
    title: 'a size of 2^63 - 1 bytes',
    content: () => whole({ signatureEntries: [int64(SIGNATURE_TAG.LONGSIZE, [2n ** 63n - 1n])] }),
    message: /truncated|size|large|bytes/i,
  },
  {
    title: 'a name with ../',
    content: () => withFile({ name: `../../${MARK}`, content: 'x' }),
    message: /forbidden name/,
  },
  {
    title: 'an absolute name',
    content: () => withFile({ name: `/tmp/${MARK}`, content: 'x' }),
    message: /forbidden name/,
  },
  {
    title: 'a name with a newline',
    content: () => withFile({ name: `${MARK}\nname`, content: 'x' }),
    message: /forbidden name/,
  },
  {
    title: 'a name with a leading -',
    content: () => withFile({ name: `-${MARK}`, content: 'x' }),
    message: /forbidden name/,
  },
  {
    title: 'a package name with ../',
    content: () => whole({ name: `../${MARK}` }),
    message: /name/,
  },
  {
    title: 'a package name with a newline',
    content: () => whole({ name: `${MARK}\nname` }),
    message: /name/,
  },
  {
    title: 'a package name with a leading -',
    content: () => whole({ name: `-${MARK}` }),
    message: /name/,
  },
  {
    title: 'a version with a slash',
    content: () => whole({ version: `1/../../${MARK}` }),
    message: /version/i,
  },
  {
    title: 'no spec file',
    content: () => makeRpm({ files: [{ name: 'a.txt', content: 'a' }] }),
    message: /no spec file/,
  },
  {
    title: 'two spec files',
    content: () => withFile({ name: 'other.spec', content: 'Name: other\n' }),
    message: /2 spec files/,
  },
  {
    title: 'an upload with a path for a name',
    name: `../../${MARK}.src.rpm`,
    content: () => whole(),
    message: /file name/,
  },
  {
    title: 'an upload with a leading - in its name',
    name: `-${MARK}.src.rpm`,
    content: () => whole(),
    message: /file name/,
  },
  {
    title: 'a spec file',
    name: 'hello.spec',
    content: () => Buffer.from('Name: hello\n'),
    message: /spec/,
  },
]

/** Looks right from its header: the import finds out, and the build fails. */
const FAILED: { title: string; content: () => Buffer; reason: RegExp }[] = [
  {
    title: 'a payload with ../',
    content: () => withFile({ name: `../../${MARK}`, content: 'x', isListed: false }),
    reason: /contains '\/'|not in the header/,
  },
  {
    title: 'a payload with an absolute name',
    content: () => withFile({ name: `/tmp/${MARK}`, content: 'x', isListed: false }),
    reason: /contains '\/'|not in the header/,
  },
  {
    title: 'a payload with a NUL in a name',
    content: () => withFile({ name: `${MARK}\0name`, content: 'x', isListed: false }),
    reason: /name|NUL|control/i,
  },
  {
    title: 'a payload with a newline in a name',
    content: () => withFile({ name: `${MARK}\nname`, content: 'x', isListed: false }),
    reason: /control character/,
  },
  {
    title: 'a payload with a leading -',
    content: () => withFile({ name: `-${MARK}`, content: 'x', isListed: false }),
    reason: /starts with '-'/,
  },
  {
    title: 'a payload with a second spec',
    content: () => withFile({ name: `${MARK}.spec`, content: 'x', isListed: false }),
    reason: /not in the header|two spec/,
  },
  {
    title: 'a payload without the spec',
    content: () => makeRpm({ files: [{ ...SPEC, isArchived: false }] }),
    reason: /lacks|no spec/,
  },
  {
    title: 'a symbolic link in the payload',
    content: () => withFile({ name: MARK, content: '/etc/passwd', mode: 0o120777 }),
    reason: /not a regular file/,
  },
  {
    title: 'a damaged payload',
    content: () => whole({ payload: Buffer.from('no archive at all') }),
    reason: /payload|compress|gzip|decompress|archive/i,
  },
  {
    title: 'more data than may be unpacked',
    content: () => bomb(),
    reason: /limit|larger|more than|too (large|big)/i,
  },
  { title: 'a file of 2^62 bytes', content: () => hugeFile(), reason: /bytes|limit|size|large/i },
]

function cutOff(bytes: number): Buffer {
  const content = whole({ files: [SPEC, { name: 'a.bin', content: Buffer.alloc(1000, 7) }] })
  return content.subarray(0, content.length - bytes)
}

/** Small as it comes, large when it is unpacked. */
function bomb(): Buffer {
  return withFile({ name: 'zeros.bin', content: Buffer.alloc(96 * MIB) })
}

function hugeFile(): Buffer {
  return makeRpm({
    files: [SPEC],
    headerEntries: [int64(TAG.LONGFILESIZES, [2n ** 62n])],
    without: [TAG.FILESIZES],
    isStripped: true,
  })
}

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
    server = await startServer()
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
    test(`refused: ${title}`, async () => {
      const [treesBefore, buildsBefore] = [trees(), await countBuilds()]
      const { status, body } = await send(content(), name)
      assert.equal(status, 400, JSON.stringify(body))
      assert.deepEqual(Object.keys(body), ['error'])
      assert.match(String(body['error']), message)
      assert.equal(await countBuilds(), buildsBefore)
      assert.deepEqual(trees(), treesBefore)
      assertNoMark()
    })

  for (const { title, content, reason } of FAILED)
    test(`failed: ${title}`, async () => {
      const treesBefore = new Set(trees())
      const { status, body } = await send(content())
      if (status !== 200) {
        assert.equal(status, 400)
        assert.match(String(body['error']), reason)
      } else {
        const id = Number(body['id'])
        assert.equal((await api.waitForBuild(id, 30_000)).state, 'failed')
        assert.match(await failReason(system, id), reason)
        await untilUploadsGone()
        const mine = `results/${api.username}/${PROJECT}/srpm-builds/${String(id).padStart(8, '0')}/`
        const made = trees().filter((path) => !treesBefore.has(path))
        assert.deepEqual(
          made.filter(
            (path) =>
              !(path.startsWith(mine) && /\/(import|backend|builder-live)\.log(\.gz)?$/.test(path)),
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
    ['breaks off', 'breaks.src.rpm', /broke|truncated|incomplete|aborted|closed/i],
    ['never answers', 'hangs.src.rpm', /timeout|in time|seconds/i],
    ['stops half-way', 'stalls.src.rpm', /timeout|in time|seconds/i],
  ] as const)
    test(`a URL that ${title} fails its build`, async () => {
      const { id } = await api.urlBuild(PROJECT, `${served}/${path}`, { timeout: 6 })
      assert.equal((await api.waitForBuild(id, 60_000)).state, 'failed')
      assert.match(await failReason(system, id), reason)
      assertNoMark()
    })

  test('a URL of nobody fails its build', async () => {
    const { id } = await api.urlBuild(PROJECT, 'http://127.0.0.1:9/hello.src.rpm', { timeout: 20 })
    assert.equal((await api.waitForBuild(id, 60_000)).state, 'failed')
    assert.match(await failReason(system, id), /127\.0\.0\.1:9|hello\.src\.rpm/)
  })

  test('URLs that are none are refused', async () => {
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

  test('a chroot that does not exist is named', async () => {
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

  test('the project of somebody else is left alone', async () => {
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

  test('a project that does not exist is 404, and says so', async () => {
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

  test('a wrong token is 401, whatever is wrong with it', async () => {
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

  test('bodies and paths that make no sense are told in the form of the API', async () => {
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

  test('a name of a project that would lead elsewhere is refused', async () => {
    for (const name of ['../up', 'a/b', '-dash', 'new\nline', 'nul\0', '.', '..', '']) {
      const { status, body } = await api.raw('POST', `project/add/${api.username}`, {
        name,
        chroots: [DISTRO_CHROOT],
      })
      assert.equal(status, 400, name)
      assert.match(String(body['error']), /name|NUL/)
    }
  })

  test('paths of the results tree do not lead out of it', async () => {
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

  test('afterwards a good package still builds', async () => {
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

/** What a URL may turn out to be. */
async function startServer(): Promise<Server> {
  const server = createServer((request, response) => {
    switch (request.url) {
      case '/page.src.rpm':
        response.end('<html>Please log in</html>')
        return
      case '/breaks.src.rpm':
        response.writeHead(200, { 'content-length': '100000' })
        response.write(whole().subarray(0, 1000), () => response.destroy())
        return
      case '/hangs.src.rpm':
        return
      case '/stalls.src.rpm':
        response.writeHead(200, { 'content-length': '100000' })
        response.write(gzipSync('x'))
        return
      default:
        response.writeHead(404).end('There is nothing here')
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
