import assert from 'node:assert/strict'
import {
  appendFile,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after } from 'node:test'
import { connect } from 'node:tls'
import { Hono } from 'hono'
import { messageOf } from './errors.ts'
import { httpsClient } from './https-client.ts'
import { type RunningServer, serveHttp } from './http-server.ts'
import { makeLog } from './log.ts'
import { runOrThrow } from './run.ts'
import type { TlsFiles } from './tls-files.ts'

const top = await mkdtemp(join(tmpdir(), 'copr-https-'))
after(() => rm(top, { recursive: true, force: true }))
const FIRST = await certify('first')
const SECOND = await certify('second')

/** Makes a self-signed certificate for 127.0.0.1. */
async function certify(name: string): Promise<TlsFiles> {
  const files = { certificate_file: join(top, `${name}.crt`), key_file: join(top, `${name}.key`) }
  const make = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'
  const whose = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
  const into = ['-keyout', files.key_file, '-out', files.certificate_file]
  await runOrThrow('openssl', [...make.split(' '), ...whose, ...into])
  return files
}

async function nameServed(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
    resolve(String(socket.getPeerCertificate().subject.CN))
    socket.destroy()
  })
  socket.on('error', reject)
  return await promise
}

interface Line {
  level: number
  msg: string
  reason?: string
}

interface Fixture extends AsyncDisposable {
  tls: TlsFiles
  server: RunningServer
  /** Everything that was logged. */
  lines: Line[]
  /** Resolves once an error with a matching reason has been logged. */
  reported: (reason: RegExp) => Promise<void>
}

const ERROR = 50

/** Starts a server with its own copy of the first certificate. */
async function serveFirst(prepare = install): Promise<Fixture> {
  const dir = await mkdtemp(join(top, 'served-'))
  const tls = { certificate_file: join(dir, 'tls.crt'), key_file: join(dir, 'tls.key') }
  await prepare(FIRST, tls)
  const lines: Line[] = []
  let wake = Promise.withResolvers<void>()
  const write = (line: string): void => {
    lines.push(JSON.parse(line) as Line)
    wake.resolve()
    wake = Promise.withResolvers()
  }
  const log = makeLog('test', { write })
  const app = new Hono().get('/', (c) => c.text('hello'))
  const server = await serveHttp(app, {
    host: '127.0.0.1',
    port: 0,
    tls,
    reload_seconds: 0.02,
    log,
  })
  const has = (reason: RegExp): boolean => lines.some((line) => reason.test(line.reason ?? ''))
  return {
    tls,
    server,
    lines,
    async reported(reason) {
      while (!has(reason)) await wake.promise
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

async function install(from: TlsFiles, to: TlsFiles): Promise<void> {
  await copyFile(from.key_file, to.key_file)
  await copyFile(from.certificate_file, to.certificate_file)
}

/** Puts the pair into a new folder and then points a symbolic link to it, as the kubelet does for a mounted Secret. */
async function installByLink(from: TlsFiles, to: TlsFiles): Promise<void> {
  const dir = join(to.key_file, '..')
  const data = await mkdtemp(join(dir, '..data-'))
  await install(from, { certificate_file: join(data, 'tls.crt'), key_file: join(data, 'tls.key') })
  await symlink(data, join(dir, '..data_tmp'))
  await rename(join(dir, '..data_tmp'), join(dir, '..data'))
  for (const name of ['tls.crt', 'tls.key'])
    await symlink(join('..data', name), join(dir, name)).catch(() => undefined)
}

async function moveInto(from: string, to: string): Promise<void> {
  await copyFile(from, `${to}.new`)
  await rename(`${to}.new`, to)
}

const MISFIT = /Cannot use \S+tls\.crt with \S+tls\.key/

/** Ways to renew the pair. Each one calls `halfway` when one of the two files has been replaced and the other has not. */
const RENEWALS: Record<string, (tls: TlsFiles, halfway: () => Promise<void>) => Promise<void>> = {
  'written in place, the key first': async (tls, halfway) => {
    await copyFile(SECOND.key_file, tls.key_file)
    await halfway()
    await copyFile(SECOND.certificate_file, tls.certificate_file)
  },
  'written in place, the certificate first': async (tls, halfway) => {
    await copyFile(SECOND.certificate_file, tls.certificate_file)
    await halfway()
    await copyFile(SECOND.key_file, tls.key_file)
  },
  'renamed, the key first': async (tls, halfway) => {
    await moveInto(SECOND.key_file, tls.key_file)
    await halfway()
    await moveInto(SECOND.certificate_file, tls.certificate_file)
  },
  'renamed, the certificate first': async (tls, halfway) => {
    await moveInto(SECOND.certificate_file, tls.certificate_file)
    await halfway()
    await moveInto(SECOND.key_file, tls.key_file)
  },
}

for (const [how, renew] of Object.entries(RENEWALS))
  test(`serveHttp() keeps the previous certificate until the pair is complete: ${how}`, async () => {
    await using fixture = await serveFirst()
    const { port } = fixture.server
    await renew(fixture.tls, async () => {
      await fixture.reported(MISFIT)
      assert.equal(await nameServed(port), 'first')
    })
    while ((await nameServed(port)) !== 'second');
    assert.equal(fixture.lines.filter(({ reason }) => MISFIT.test(reason ?? '')).length, 1)
  })

test('serveHttp() reloads a mounted Secret each time the kubelet replaces the link ..data', async () => {
  await using fixture = await serveFirst(installByLink)
  for (const [from, name] of [
    [SECOND, 'second'],
    [FIRST, 'first'],
    [SECOND, 'second'],
  ] as const) {
    await installByLink(from, fixture.tls)
    while ((await nameServed(fixture.server.port)) !== name);
  }
  assert.deepEqual(
    fixture.lines.filter(({ level }) => level >= ERROR),
    [],
  )
})

test('serveHttp() completes each handshake while its certificate is rewritten repeatedly', async () => {
  await using fixture = await serveFirst()
  const isWritten = (async () => {
    for (let times = 0; times < 50; times++) await install(times % 2 ? FIRST : SECOND, fixture.tls)
    await install(SECOND, fixture.tls)
  })()
  while ((await nameServed(fixture.server.port)) !== 'second');
  await isWritten
  while ((await nameServed(fixture.server.port)) !== 'second');
})

const BROKEN: Record<string, { spoil: (tls: TlsFiles) => Promise<void>; reason: RegExp }> = {
  'an empty certificate': {
    spoil: (tls) => truncate(tls.certificate_file),
    reason: /tls\.crt: it contains no certificate/,
  },
  'an empty key': {
    spoil: (tls) => truncate(tls.key_file),
    reason: /tls\.key: it contains no complete private key/,
  },
  'a certificate that is half written': {
    spoil: (tls) => truncate(tls.certificate_file, 200),
    reason: /tls\.crt: it contains an incomplete certificate/,
  },
  'a chain that is half written': {
    spoil: async (tls) => {
      const next = await readFile(SECOND.certificate_file, 'utf8')
      await appendFile(tls.certificate_file, next.slice(0, 300))
    },
    reason: /tls\.crt: it contains an incomplete certificate/,
  },
  'a key that is half written': {
    spoil: (tls) => truncate(tls.key_file, 100),
    reason: /tls\.key: it contains no complete private key/,
  },
  'text that is no certificate': {
    spoil: (tls) => writeFile(tls.certificate_file, 'rubbish'),
    reason: /tls\.crt: it contains no certificate/,
  },
  'a certificate with damaged bytes': {
    spoil: async (tls) => {
      const pem = await readFile(tls.certificate_file, 'utf8')
      await writeFile(tls.certificate_file, pem.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA'))
    },
    reason: MISFIT,
  },
  'a missing certificate': { spoil: (tls) => rm(tls.certificate_file), reason: /ENOENT.*tls\.crt/ },
  'a missing key': { spoil: (tls) => rm(tls.key_file), reason: /ENOENT.*tls\.key/ },
  'a folder in place of the key': {
    spoil: async (tls) => {
      await rm(tls.key_file)
      await mkdir(tls.key_file)
    },
    reason: /EISDIR/,
  },
}

for (const [what, { spoil, reason }] of Object.entries(BROKEN))
  test(`serveHttp() serves the previous certificate while it finds ${what}, logs the error once, and loads the next valid pair`, async () => {
    await using fixture = await serveFirst()
    await spoil(fixture.tls)
    await fixture.reported(reason)
    assert.equal(await nameServed(fixture.server.port), 'first')
    await rm(fixture.tls.key_file, { recursive: true, force: true })
    await install(SECOND, fixture.tls)
    while ((await nameServed(fixture.server.port)) !== 'second');
    const reasons = fixture.lines.map((line) => line.reason)
    const first = reasons.find((each) => reason.test(each ?? ''))
    assert.equal(reasons.filter((each) => each === first).length, 1)
    assert.match(fixture.lines.at(-1)?.msg ?? '', /Loaded the renewed certificate/)
  })

test('serveHttp() does not start with a certificate and a key that do not match; the error names both', async () => {
  const tls = { ...FIRST, key_file: SECOND.key_file }
  const message = /^Cannot serve HTTPS: Cannot use \S+first\.crt with \S+second\.key/
  const starting = serveHttp(new Hono(), { host: '127.0.0.1', port: 0, tls })
  await assert.rejects(starting, (error) => message.test(messageOf(error)))
})

test('httpsClient() trusts the authorities of its bundle, and reloads the bundle', async () => {
  await using fixture = await serveFirst()
  const { tls, server } = fixture
  const request = () => ({ method: 'GET' as const, signal: AbortSignal.timeout(60_000) })
  const ca_file = join(top, 'ca.crt')
  await copyFile(FIRST.certificate_file, ca_file)
  const url = `https://127.0.0.1:${server.port}/`
  const ask = httpsClient({ ca_file })
  assert.deepEqual(await ask(url, request()), { status: 200, body: 'hello' })
  await assert.rejects(httpsClient({})(url, request()), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })

  await install(SECOND, tls)
  while ((await nameServed(server.port)) !== 'second');
  await copyFile(SECOND.certificate_file, ca_file)
  assert.equal((await ask(url, request())).status, 200)
})
