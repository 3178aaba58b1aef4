import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { appendFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { serveHttp } from '@copr/process/http-server'
import type { ContentHeaders } from '@copr/object-store/bucket'
import { run } from '@copr/process/run'
import { Hono } from 'hono'
import { missingTools } from '@copr/rpm/testing/real-rpm'
import { directoryTree } from '../store/directory-tree.ts'
import type { StoredFile } from '../store/results-store.ts'
import { treeRoutes } from './tree-routes.ts'

const LOG = 'Wrote: /builddir/build/RPMS/hello-1-1.noarch.rpm\n'
const PACKED = gzipSync(LOG)

async function serveTree() {
  const top = await mkdtemp(join(tmpdir(), 'copr-tree-'))
  const root = join(top, 'results')
  const dir = join(root, 'dana/telescope/debian-12-x86_64/00000001-hello')
  await mkdir(dir, { recursive: true })
  await mkdir(join(root, 'dana/telescope:pr:1'))
  await writeFile(join(top, 'secret'), 'secret')
  await writeFile(join(dir, 'hello-1-1.noarch.rpm'), '0123456789')
  await writeFile(join(dir, 'builder-live.log.gz'), PACKED)
  await writeFile(join(dir, 'primary.xml.gz'), PACKED)
  await writeFile(join(dir, 'backend.log'), 'one\n')
  await writeFile(join(dir, 'a+b~1^2.spec'), 'Name: a\n')
  await writeFile(join(dir, '.new-secret'), 'hidden')
  await writeFile(join(dir, 'empty'), '')
  await symlink('../../../../../secret', join(dir, 'out'))
  await symlink('hello-1-1.noarch.rpm', join(dir, 'in'))
  const app = new Hono().route('/results', treeRoutes(directoryTree(root)))
  const server = await serveHttp(app, { host: '127.0.0.1', port: 0 })
  return {
    port: server.port,
    dir,
    url: `http://127.0.0.1:${server.port}/results/dana/telescope/debian-12-x86_64/00000001-hello/`,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await rm(top, { recursive: true })
    },
  }
}

/** Requests a file with a client that, unlike fetch(), does not decode the body. */
async function storedBytes(url: string, headers: Record<string, string>) {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request(url, { headers }, resolve).on('error', reject).end()
  const response = await promise
  const { statusCode: status, headers: sent } = response
  return { status, range: sent['content-range'], bytes: Buffer.concat(await response.toArray()) }
}

/** Requests a path exactly as given; returns the status. */
async function statusOf(port: number, path: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const sent = request({ host: '127.0.0.1', port, path }, (response) => {
    response.resume()
    resolve(response.statusCode)
  })
  sent.on('error', reject)
  sent.end()
  return await promise
}

test('files are served with their type, size and date', async () => {
  await using tree = await serveTree()
  const response = await fetch(`${tree.url}hello-1-1.noarch.rpm`)
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'application/x-rpm')
  assert.equal(response.headers.get('content-length'), '10')
  assert.ok(response.headers.get('last-modified'))
  assert.equal(await response.text(), '0123456789')
  const head = await fetch(`${tree.url}hello-1-1.noarch.rpm`, { method: 'HEAD' })
  assert.equal(head.headers.get('content-length'), '10')
  assert.equal(await (await fetch(`${tree.url}empty`)).text(), '')
  assert.equal(await (await fetch(`${tree.url}a%2Bb~1%5E2.spec`)).text(), 'Name: a\n')
})

test('a compressed log is served as gzip-encoded text, with and without the suffix .gz in its URL', async () => {
  await using tree = await serveTree()
  for (const name of ['builder-live.log.gz', 'builder-live.log']) {
    const log = await fetch(tree.url + name)
    assert.equal(log.headers.get('content-type'), 'text/plain; charset=utf-8')
    assert.equal(log.headers.get('content-encoding'), 'gzip')
    assert.equal(await log.text(), LOG, 'the client decodes it by its headers alone')
  }
})

test('the size and the ranges of a compressed log refer to the stored, compressed bytes', async () => {
  await using tree = await serveTree()
  const log = `${tree.url}builder-live.log.gz`
  const head = await fetch(log, { method: 'HEAD' })
  assert.equal(head.headers.get('content-length'), String(PACKED.length))
  assert.equal(head.headers.get('content-encoding'), 'gzip')
  const [first, rest] = await Promise.all(
    ['bytes=0-9', 'bytes=10-'].map((range) => storedBytes(log, { range })),
  )
  assert.deepEqual([first?.status, rest?.status], [206, 206])
  assert.equal(rest?.range, `bytes 10-${PACKED.length - 1}/${PACKED.length}`)
  const joined = Buffer.concat(
    [first?.bytes ?? '', rest?.bytes ?? ''].map((each) => Buffer.from(each)),
  )
  assert.equal(gunzipSync(joined).toString(), LOG)
})

test('repository metadata is served as a .gz file without a Content-Encoding', async () => {
  await using tree = await serveTree()
  const primary = await fetch(`${tree.url}primary.xml.gz`)
  assert.equal(primary.headers.get('content-type'), 'application/gzip')
  assert.equal(primary.headers.get('content-encoding'), null)
  assert.deepEqual(Buffer.from(await primary.arrayBuffer()), PACKED)
})

for (const [range, status, body] of [
  ['bytes=2-4', 206, '234'],
  ['bytes=7-', 206, '789'],
  ['bytes=-3', 206, '789'],
  ['bytes=5-100', 206, '56789'],
  ['bytes=10-', 416, ''],
  ['bytes=0-1,4-5', 200, '0123456789'],
  ['bytes=4-2', 200, '0123456789'],
] as const)
  test(`Range: ${range} is answered with ${status}`, async () => {
    await using tree = await serveTree()
    const response = await fetch(`${tree.url}hello-1-1.noarch.rpm`, { headers: { range } })
    assert.equal(response.status, status)
    assert.equal(await response.text(), body)
  })

test('browsers do not run results as code, because every response is sandboxed', async () => {
  await using tree = await serveTree()
  await writeFile(
    join(tree.dir, 'comps.xml'),
    '<c xmlns:h="http://www.w3.org/1999/xhtml"><h:script>1</h:script></c>',
  )
  const etag = (await fetch(`${tree.url}comps.xml`)).headers.get('etag') ?? ''
  for (const [path, headers, status] of [
    ['comps.xml', {}, 200],
    ['comps.xml', { range: 'bytes=0-3' }, 206],
    ['comps.xml', { range: 'bytes=900-' }, 416],
    ['comps.xml', { 'if-none-match': etag }, 304],
    ['backend.log', {}, 200],
    ['hello-1-1.noarch.rpm', {}, 200],
    ['builder-live.log', {}, 302],
    ['../00000001-hello', {}, 301],
    ['missing', {}, 404],
    ['missing', { accept: 'text/html' }, 404],
  ] as const) {
    const answer = await fetch(`${tree.url}${path}`, { headers, redirect: 'manual' })
    assert.equal(answer.status, status, path)
    assert.equal(
      answer.headers.get('content-security-policy'),
      "sandbox; default-src 'none'",
      `${path} ${status}`,
    )
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff', path)
  }
  assert.equal(
    (await fetch(`${tree.url}backend.log`)).headers.get('content-type'),
    'text/plain; charset=utf-8',
  )
})

test('a directory listing is sandboxed, too, but its style sheet and downloads from it are allowed', async () => {
  await using tree = await serveTree()
  const answer = await fetch(tree.url)
  const page = await answer.text()
  const policy = answer.headers.get('content-security-policy') ?? ''
  const [, style = ''] = /<style>([^]*)<\/style>/.exec(page) ?? []
  const digest = createHash('sha256').update(style).digest('base64')
  assert.equal(policy, `sandbox allow-downloads; default-src 'none'; style-src 'sha256-${digest}'`)
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
})

test('a file that the client already has is not sent again', async () => {
  await using tree = await serveTree()
  const first = await fetch(`${tree.url}hello-1-1.noarch.rpm`)
  await first.text()
  for (const headers of [
    { 'if-none-match': first.headers.get('etag') ?? '' },
    { 'if-modified-since': first.headers.get('last-modified') ?? '' },
  ])
    assert.equal((await fetch(`${tree.url}hello-1-1.noarch.rpm`, { headers })).status, 304)
  const stale = { range: 'bytes=0-1', 'if-range': '"other"' }
  assert.equal((await fetch(`${tree.url}hello-1-1.noarch.rpm`, { headers: stale })).status, 200)
})

test('a growing log can be followed with range requests, and is still found under its old name after compression', async () => {
  await using tree = await serveTree()
  const log = `${tree.url}backend.log`
  const first = await fetch(log)
  assert.equal(first.headers.get('cache-control'), 'no-cache')
  assert.equal(await first.text(), 'one\n')
  await appendFile(join(tree.dir, 'backend.log'), 'two\n')
  assert.equal(await (await fetch(log, { headers: { range: 'bytes=4-' } })).text(), 'two\n')
  const moved = await fetch(`${tree.url}builder-live.log`, { redirect: 'manual' })
  assert.equal(moved.status, 302)
  assert.ok(moved.headers.get('location')?.endsWith('/00000001-hello/builder-live.log.gz'))
})

test('neither files outside the tree nor hidden files are served', async () => {
  await using tree = await serveTree()
  const base = new URL(tree.url).pathname
  for (const path of [
    `${base}../../../../../secret`,
    `${base}..%2f..%2f..%2f..%2f..%2fsecret`,
    `${base}%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/secret`,
    '/results/..%2fsecret',
    '/results//../../secret',
    `${base}out`,
    `${base}.new-secret`,
    `${base}hello-1-1.noarch.rpm%00`,
    `${base}%ff`,
    `${base}hello-1-1.noarch.rpm/`,
    `${base}..\\secret`,
    `${base}${'x'.repeat(300)}`,
  ])
    assert.ok([400, 404].includes((await statusOf(tree.port, path)) ?? 0), path)
  assert.equal(await statusOf(tree.port, `${base}in`), 200)
})

test('a folder URL without the trailing slash is redirected, and a 404 response has the requested format', async () => {
  await using tree = await serveTree()
  const bare = await fetch(tree.url.slice(0, -1), { redirect: 'manual' })
  assert.equal(bare.status, 301)
  const missing = await fetch(`${tree.url}missing`)
  assert.equal(missing.status, 404)
  assert.ok('error' in ((await missing.json()) as object))
  const page = await fetch(`${tree.url}missing`, { headers: { accept: 'text/html' } })
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/)
})

test(
  'wget -r, with the options that copr-cli uses, fetches a results folder',
  { skip: missingTools('wget') },
  async () => {
    await using tree = await serveTree()
    const into = await mkdtemp(join(tmpdir(), 'copr-wget-'))
    const options = [
      '-r',
      '-nH',
      '--no-parent',
      '--reject',
      'index.html*',
      '-e',
      'robots=off',
      '-q',
    ]
    const outcome = await run('wget', [...options, '--cut-dirs', '6', '-P', into, tree.url])
    assert.ok(outcome.ok, outcome.output)
    assert.equal(await readFile(join(into, 'hello-1-1.noarch.rpm'), 'utf8'), '0123456789')
    assert.equal(await readFile(join(into, 'a+b~1^2.spec'), 'utf8'), 'Name: a\n')
    await rm(into, { recursive: true })
  },
)

test('a directory listing has relative links, which no file name can break', async () => {
  await using tree = await serveTree()
  const owner = new URL('../../../', tree.url)
  const page = await (await fetch(owner)).text()
  assert.ok(page.includes('href="./telescope%3Apr%3A1/"'), page)
  const own = await (await fetch(tree.url)).text()
  assert.ok(!own.includes('.new-secret') && !own.includes('./out'))
  assert.ok(own.includes('./in'))
})

const TEXT = 'text/plain; charset=utf-8'
const headersOf = (content: ContentHeaders): string => String(new URLSearchParams({ ...content }))

for (const [name, content] of [
  ['comps.xml', { type: TEXT }],
  ['backend.log', { type: TEXT }],
  ['builder-live.log.gz', { type: TEXT, encoding: 'gzip' }],
  ['primary.xml.gz', { type: 'application/gzip' }],
  ['hello.rpm', { type: 'application/x-rpm' }],
] as const)
  test(`S3 serves ${name} as ${content.type}, because it cannot send our security policy`, async () => {
    const file: StoredFile = {
      name,
      size: 10,
      mtime: new Date(0),
      etag: '"1"',
      read: () => assert.fail('the client reads it at S3'),
      elsewhere: async (given) => `https://s3.example/?${headersOf(given)}`,
      close: async () => undefined,
    }
    const tree = { find: async () => ({ kind: 'file' as const, file }), list: async () => [] }
    const answer = await treeRoutes(tree).request(`/results/${name}`)
    assert.equal(answer.headers.get('location'), `https://s3.example/?${headersOf(content)}`)
    assert.equal(answer.headers.get('content-security-policy'), "sandbox; default-src 'none'")
  })
