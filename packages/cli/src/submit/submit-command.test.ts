import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ChainAnswer } from '@copr/contract/api/chains'
import { coprctl } from '../coprctl.ts'

interface Site extends AsyncDisposable {
  dir: string
  config: string
  /** Method and path of each request, followed by the field names of its JSON body. */
  requests: string[]
  run(...args: string[]): Promise<{ code: number; out: string; err: string }>
}

type Reply = { status?: number; body: object } | 'drop'

/** Serves the replies listed for a method and path, one per request; the last one is repeated. */
async function openSite(replies: Record<string, Reply[]>): Promise<Site> {
  const requests: string[] = []
  const server = createServer(async (request, response) => {
    const body = await textOf(request)
    const key = `${request.method} ${request.url?.replace('/api_3/', '')}`
    requests.push(
      body.startsWith('{') ? `${key} ${Object.keys(JSON.parse(body) as object).join()}` : key,
    )
    const list = replies[key] ?? []
    const reply = list.length > 1 ? list.shift() : list[0]
    if (reply === 'drop') return void request.socket.destroy()
    const { status = 200, body: answer } = reply ?? { status: 404, body: { error: `no ${key}` } }
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const dir = await mkdtemp(join(tmpdir(), 'copr-submit-'))
  const config = join(dir, 'copr')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const lines = ['[copr-cli]', 'login = l', 'username = dana', 'token=t', `copr_url = ${url}`]
  await writeFile(config, `${lines.join('\n')}\n[other]\nlogin = no\n`)
  return {
    dir,
    config,
    requests,
    async run(...args) {
      let [out, err] = ['', '']
      const code = await coprctl(['submit', '--config', config, ...args], {
        env: {},
        stdin: (async function* () {})(),
        stdout: { write: (text: string) => (out += text) },
        stderr: { write: (text: string) => (err += text) },
      })
      return { code, out, err }
    },
    async [Symbol.asyncDispose]() {
      server.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

const URL_OF = (name: string) => `https://example.org/${name}-1-1.src.rpm`

const pack = (name: string, more: object = {}) => ({
  build_id: 1,
  package: name,
  state: 'pending' as const,
  wave: 1,
  reason: null,
  needs: [],
  unmet: [],
  ...more,
})

function chainOf(more: Partial<ChainAnswer> = {}): ChainAnswer {
  return {
    id: 3,
    ownername: 'dana',
    projectname: 'first',
    state: 'running',
    created_on: 1,
    started_on: 2,
    ended_on: null,
    counts: { total: 2, waiting: 2, running: 0, succeeded: 0, failed: 0 },
    builds: [],
    chroots: [],
    ...more,
  }
}

const CREATED: Record<string, Reply[]> = {
  'POST chain/create': [{ body: chainOf({ state: 'open', started_on: null }) }],
  'POST build/create/url': [{ body: { items: [] } }],
  'PUT chain/start/3': [{ body: chainOf() }],
}

test('`submit --chain` adds the builds, starts the chain, and reports running and waiting builds until the chain ends', async () => {
  const chroot = (...packages: ReturnType<typeof pack>[]) => [
    { name: 'c-1-x86_64', packages, cycles: [] },
  ]
  const waiting = pack('app', { build_id: 2, unmet: ['lib-devel >= 2'] })
  const built = { wave: 1, state: 'succeeded' as const }
  await using site = await openSite({
    ...CREATED,
    'GET chain/3': [
      { body: chainOf({ chroots: chroot(pack('lib', { state: 'running' }), waiting) }) },
      'drop',
      {
        body: chainOf({
          state: 'succeeded',
          ended_on: 9,
          counts: { total: 2, waiting: 0, running: 0, succeeded: 2, failed: 0 },
          chroots: chroot(pack('lib', built), pack('app', { ...built, build_id: 2, wave: 2 })),
        }),
      },
    ],
  })
  const { code, out, err } = await site.run('--chain', URL_OF('lib'), URL_OF('app'), 'first')
  assert.equal(code, 0, err)
  assert.equal(
    out,
    'c-1-x86_64:\n  wave 1: lib\n  wave 2: app\nchain 3 succeeded: 2 of 2 builds succeeded, 0 failed or canceled\n',
  )
  const lines = err.split('\n')
  assert.match(lines[0] ?? '', /^Chain 3: http:.*\/coprs\/dana\/first\/chain\/3\/$/)
  assert.equal(lines[1], 'Started the chain with 2 builds in dana/first')
  assert.deepEqual(lines.slice(2, 4), ['building  lib', 'waits     app: for lib-devel >= 2'])
  assert.match(lines[4] ?? '', /^Cannot read the state of the chain, retrying: Cannot reach/)
  assert.deepEqual(lines.slice(5), ['built     lib (2 of 2)', 'built     app (2 of 2)', ''])
  assert.deepEqual(site.requests.slice(0, 3), [
    'POST chain/create ownername,projectname',
    'POST build/create/url ownername,projectname,pkgs,chain_id',
    'PUT chain/start/3',
  ])
})

test('`submit --chain` cancels the chain if a build is refused, and fails with the reason', async () => {
  await using site = await openSite({
    ...CREATED,
    'POST build/create/url': [{ status: 400, body: { error: 'pkgs: not a source package' } }],
    'PUT chain/cancel/3': [{ body: chainOf() }],
  })
  const { code, err } = await site.run('--chain', URL_OF('lib'), '@orbit/first')
  assert.equal(code, 1)
  assert.match(err, /\/coprs\/g\/orbit\/first\/chain\/3\//)
  assert.match(err, /coprctl: pkgs: not a source package\n$/)
  assert.equal(site.requests.at(-1), 'PUT chain/cancel/3')
})

test('`submit --chain` fails if the chain fails, and names its cycle', async () => {
  const cycles = [{ text: 'a -> b -> a (a requires b, b requires a)', build_ids: [1, 2] }]
  const packages = [pack('a', { wave: null, state: 'failed' as const, reason: 'a cycle' })]
  const failed = chainOf({
    state: 'failed',
    ended_on: 9,
    chroots: [{ name: 'c-1-x86_64', packages, cycles }],
  })
  await using site = await openSite({ ...CREATED, 'GET chain/3': [{ body: failed }] })
  const { code, out, err } = await site.run('--chain', URL_OF('a'), 'dana/first')
  assert.equal(code, 1)
  assert.match(out, /^ {2}cycle: a -> b -> a \(a requires b, b requires a\)$/m)
  assert.match(err, /^failed {4}a: a cycle\ncycle {5}a -> b -> a/m)
})

test('`submit` refuses a missing project, unreadable files and a missing configuration before it sends anything', async () => {
  await using site = await openSite({})
  const broken = join(site.dir, 'broken.src.rpm')
  await writeFile(broken, 'not an rpm')
  for (const [args, words] of [
    [[broken], /the last argument must be the project/],
    [[join(site.dir, 'none.src.rpm'), 'first'], /Cannot read .*none\.src\.rpm/],
    [[broken, 'first'], /broken\.src\.rpm/],
    [['first'], /there is no source package/],
    [[URL_OF('a'), 'first', '--config', join(site.dir, 'none')], /Cannot read the configuration/],
  ] as const) {
    const { code, err } = await site.run('--chain', ...args)
    assert.equal(code, 1)
    assert.match(err, words)
  }
  assert.deepEqual(site.requests, [])
})
