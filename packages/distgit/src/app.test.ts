import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chown, readFile, readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type RunningServer, serveHttp } from '@copr/process/http-server'
import { silentLog } from '@copr/process/log'
import { run } from '@copr/process/run'
import { distgitApp } from './app.ts'
import { commitSources } from './commit-sources.ts'
import { git, listTree, tempDir, unpacked } from './testing.ts'

const TARBALL = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 256))
const place = { owner: '@team', dirname: 'proj:pr:12', package_name: 'libfoo++' }

async function start(t: TestContext) {
  const root = await tempDir(t)
  const server = await serveHttp(distgitApp({ root, log: silentLog() }), {
    host: '127.0.0.1',
    port: 0,
  })
  t.after(() => server[Symbol.asyncDispose]())
  async function commit(spec: string): Promise<string> {
    const files = await unpacked(t, { 'foo.spec': spec, 'foo-1.tar.gz': TARBALL })
    const branches = ['f43', 'epel10']
    const commits = await commitSources({
      root,
      ...place,
      branches,
      files,
      spec: 'foo.spec',
      now: new Date(0),
    })
    return commits['f43'] ?? ''
  }
  const url = urlOf(server)
  return { root, url, repository: `${url}/git/@team/proj:pr:12/libfoo++`, commit, server }
}

const urlOf = (server: RunningServer): string => `http://127.0.0.1:${server.port}`

test('files from dist-git cannot run scripts in a browser, because every response is sandboxed', async (t) => {
  const { url, repository, commit } = await start(t)
  await commit('Version: 1\n')
  const md5 = createHash('md5').update(TARBALL).digest('hex')
  const source = `@team/proj:pr:12/libfoo++/foo-1.tar.gz/md5/${md5}/foo-1.tar.gz`
  for (const [address, status] of [
    [`${url}/git/@team/proj:pr:12/`, 200],
    [repository, 200],
    [`${repository}/info/refs?service=git-upload-pack`, 200],
    [`${repository}/HEAD`, 200],
    [`${repository}/git-receive-pack`, 403],
    [`${url}/lookaside/${source}`, 200],
    [`${url}/repo/pkgs/${source}`, 200],
    [`${url}/git/nobody/nothing/none`, 404],
    [`${url}/elsewhere`, 404],
  ] as const) {
    const answer = await fetch(address)
    await answer.arrayBuffer()
    assert.equal(answer.status, status, address)
    assert.equal(
      answer.headers.get('content-security-policy'),
      "sandbox; default-src 'none'",
      address,
    )
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff', address)
  }
})

test('a package can be cloned, with and without .git in the URL, and pulled', async (t) => {
  const { repository, commit } = await start(t)
  const first = await commit('Version: 1\n')
  const dir = join(await tempDir(t), 'clone')
  await git('clone', '-q', repository, dir)
  assert.equal(await git('-C', dir, 'rev-parse', 'HEAD'), first)
  assert.equal(await readFile(join(dir, 'foo.spec'), 'utf8'), 'Version: 1\n')
  await git('clone', '-q', '--bare', `${repository}.git`, join(await tempDir(t), 'bare'))
  const second = await commit('Version: 2\n')
  await git('-C', dir, 'pull', '-q')
  assert.equal(await git('-C', dir, 'rev-parse', 'HEAD'), second)
})

for (const version of ['0', '2'])
  test(`a commit behind the branch can be fetched by its hash with depth 1, protocol version ${version}`, async (t) => {
    const { repository, commit } = await start(t)
    await commit('Version: 1\n')
    const wanted = await commit('Version: 2\n')
    await commit('Version: 3\n')
    const dir = await tempDir(t)
    await git('init', '-q', dir)
    await git(
      '-C',
      dir,
      '-c',
      `protocol.version=${version}`,
      'fetch',
      '-q',
      '--depth',
      '1',
      repository,
      wanted,
    )
    await git('-C', dir, 'checkout', '-q', wanted)
    assert.equal(await readFile(join(dir, 'foo.spec'), 'utf8'), 'Version: 2\n')
    assert.equal(await git('-C', dir, 'rev-list', '--count', wanted), '1')
  })

test('git protocol version 2 is used when the client requests it', async (t) => {
  const { repository, commit } = await start(t)
  await commit('Version: 1\n')
  const answer = await fetch(`${repository}/info/refs?service=git-upload-pack`, {
    headers: { 'git-protocol': 'version=2' },
  })
  assert.equal(answer.headers.get('content-type'), 'application/x-git-upload-pack-advertisement')
  assert.match(await answer.text(), /version 2\n/)
})

test('a request may be compressed, and may be sent without a Content-Length', async (t) => {
  const { repository, commit } = await start(t)
  const id = await commit('Version: 1\n')
  const headers = {
    'content-type': 'application/x-git-upload-pack-request',
    'git-protocol': 'version=2',
  }
  const question = Buffer.from('0014command=ls-refs\n0000')
  const compressed = await fetch(`${repository}/git-upload-pack`, {
    method: 'POST',
    body: gzipSync(question),
    headers: { ...headers, 'content-encoding': 'gzip' },
  })
  assert.match(await compressed.text(), new RegExp(`${id} refs/heads/f43`))
  const chunked = await fetch(`${repository}/git-upload-pack`, {
    method: 'POST',
    body: new Blob([question]).stream(),
    duplex: 'half',
    headers,
  } as RequestInit)
  assert.match(await chunked.text(), new RegExp(`${id} refs/heads/f43`))
})

test('a push is refused', async (t) => {
  const { root, repository, commit } = await start(t)
  await commit('Version: 1\n')
  const dir = join(await tempDir(t), 'clone')
  await git('clone', '-q', repository, dir)
  await git(
    '-C',
    dir,
    '-c',
    'user.name=a',
    '-c',
    'user.email=a@b',
    'commit',
    '-q',
    '--allow-empty',
    '-m',
    'x',
  )
  const before = await listTree(root)
  const push = await run('git', ['-C', dir, 'push', 'origin', 'HEAD'], {
    env: { HOME: '/nonexistent' },
  })
  assert.ok(!push.ok)
  assert.match(push.output, /403/)
  const direct = await fetch(`${repository}/git-receive-pack`, { method: 'POST', body: '0000' })
  assert.equal(direct.status, 403)
  assert.match(await direct.text(), /"error":"Cannot push/)
  assert.deepEqual(await listTree(root), before)
})

for (const path of [
  '/git/@team/proj:pr:12/none/info/refs?service=git-upload-pack',
  '/git/@team/proj:pr:12/libfoo++/config',
  '/git/@team/proj:pr:12/libfoo++/objects/../config',
  '/git/@team/proj:pr:12/libfoo++/objects/%2e%2e/config',
  '/git/@team/%2e%2e/libfoo++/info/refs',
  '/git/%2e%2e/%2e%2e/etc/info/refs',
  '/git/@team/proj:pr:12%2Flibfoo++/x/info/refs',
  '/git/-x/proj/libfoo++/info/refs',
  '/lookaside/@team/proj:pr:12/libfoo++/foo-1.tar.gz/md5/00000000000000000000000000000000/foo-1.tar.gz',
  '/lookaside/@team/proj:pr:12/libfoo++/foo-1.tar.gz/md5/%2e%2e/foo-1.tar.gz',
  '/lookaside/@team/proj:pr:12/libfoo++/%2e%2e%2f/md5/00000000000000000000000000000000/%2e%2e%2f',
  '/lookaside/@team/proj:pr:12/libfoo++/a%00b/md5/00000000000000000000000000000000/a%00b',
  '/else',
])
  test(`GET ${path} returns a 404 in JSON`, async (t) => {
    const { server, commit } = await start(t)
    await commit('Version: 1\n')
    const { status, body } = await rawGet(server, path)
    assert.equal(status, 404)
    assert.equal(typeof JSON.parse(body).error, 'string')
  })

/** Requests a path exactly as given; an HTTP client would normalize it. */
async function rawGet(server: RunningServer, path: string) {
  const socket = connect(server.port, '127.0.0.1')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  const text = (await socket.toArray()).join('')
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1])
  return { status, body: text.slice(text.indexOf('\r\n\r\n') + 4) }
}

test('sources are served whole and by range, under both URLs', async (t) => {
  const { root, url, commit } = await start(t)
  await commit('Version: 1\n')
  const [stored = ''] = await listTree(join(root, 'lookaside'))
  const md5 = stored.split('/').at(-2)
  for (const prefix of ['lookaside', 'repo/pkgs']) {
    const source = `${url}/${prefix}/%40team/proj%3Apr%3A12/libfoo++/foo-1.tar.gz/md5/${md5}/foo-1.tar.gz`
    const whole = await fetch(source)
    assert.equal(whole.headers.get('content-length'), '1000')
    assert.deepEqual(Buffer.from(await whole.arrayBuffer()), TARBALL)
    const part = await fetch(source, { headers: { range: 'bytes=990-' } })
    assert.equal(part.status, 206)
    assert.equal(part.headers.get('content-range'), 'bytes 990-999/1000')
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), TARBALL.subarray(990))
    const none = await fetch(source, { headers: { range: 'bytes=1000-' } })
    assert.equal(none.status, 416)
    const head = await fetch(source, { method: 'HEAD' })
    assert.equal(head.headers.get('content-length'), '1000')
  }
})

test(
  'a repository that belongs to another user is served',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    const { root, repository, commit } = await start(t)
    const id = await commit('Version: 1\n')
    await chown(join(root, 'git', '@team', 'proj:pr:12', 'libfoo++.git'), 12345, 12345)
    assert.match(await git('ls-remote', repository, 'f43'), new RegExp(id))
  },
)

test('the git processes of a client that disconnects are terminated', async (t) => {
  const { repository, commit, root } = await start(t)
  await commit('Version: 1\n')
  const cut = new AbortController()
  // A request body that never ends: git waits for the rest as long as the client is connected.
  const body = new ReadableStream({
    start: (stream) => stream.enqueue(Buffer.from('0011command=fetch')),
  })
  const asked = fetch(`${repository}/git-upload-pack`, {
    method: 'POST',
    body,
    duplex: 'half',
    headers: {
      'content-type': 'application/x-git-upload-pack-request',
      'git-protocol': 'version=2',
    },
    signal: cut.signal,
  } as RequestInit)
  asked.catch(() => undefined)
  const programs = (): Promise<string[]> => programsOf(root)
  await until(async () => (await programs()).length > 0)
  cut.abort()
  await until(async () => (await programs()).length === 0)
})

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20))
}

/** Returns the processes in whose environment GIT_PROJECT_ROOT is inside the folder. */
async function programsOf(root: string): Promise<string[]> {
  const found: string[] = []
  for (const pid of await readdir('/proc')) {
    const environ = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
    if (environ.includes(`GIT_PROJECT_ROOT=${root}/`)) found.push(pid)
  }
  return found
}
