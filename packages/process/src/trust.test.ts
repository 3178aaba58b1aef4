import assert from 'node:assert/strict'
import { copyFile, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { Hono } from 'hono'
import { httpsClient } from './https-client.ts'
import { serveHttp } from './http-server.ts'
import { makeLog } from './log.ts'
import { runOrThrow } from './run.ts'
import type { TlsFiles } from './tls-files.ts'
import { trustAuthorities } from './trust.ts'

const dir = await mkdtemp(join(tmpdir(), 'copr-trust-'))
const known = getCACertificates('default')
after(async () => {
  setDefaultCACertificates(known)
  await rm(dir, { recursive: true, force: true })
})

async function certify(name: string): Promise<TlsFiles> {
  const files = { certificate_file: join(dir, `${name}.crt`), key_file: join(dir, `${name}.key`) }
  const make = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'
  const whose = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
  const into = ['-keyout', files.key_file, '-out', files.certificate_file]
  await runOrThrow('openssl', [...make.split(' '), ...whose, ...into])
  return files
}

/** Sends a request over a new connection; returns the status, or the code of the error. */
async function ask(port: number): Promise<number | string> {
  const signal = AbortSignal.timeout(60_000)
  try {
    return (await httpsClient({})(`https://127.0.0.1:${port}/`, { method: 'GET', signal })).status
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}

test('trustAuthorities() keeps the previous authorities while a file is broken or missing, and then trusts the new ones', async () => {
  const first = await certify('first')
  const second = await certify('second')
  const app = new Hono().get('/', (c) => c.text('hello'))
  await using one = await serveHttp(app, { host: '127.0.0.1', port: 0, tls: first })
  await using two = await serveHttp(app, { host: '127.0.0.1', port: 0, tls: second })
  const bundle = join(dir, 'bundle.crt')
  await copyFile(first.certificate_file, bundle)

  const reasons: string[] = []
  let wake = Promise.withResolvers<void>()
  const write = (line: string): void => {
    reasons.push(String((JSON.parse(line) as { reason?: string }).reason))
    wake.resolve()
    wake = Promise.withResolvers()
  }
  const reported = async (reason: RegExp): Promise<void> => {
    while (!reasons.some((each) => reason.test(each))) await wake.promise
  }
  using _trust = trustAuthorities([bundle], { log: makeLog('test', { write }), look_ms: 10 })
  assert.equal(await ask(one.port), 200)
  assert.equal(await ask(two.port), 'DEPTH_ZERO_SELF_SIGNED_CERT')

  await truncate(bundle, 0)
  await reported(/bundle\.crt: it contains no certificate/)
  assert.equal(await ask(one.port), 200)
  await writeFile(bundle, '-----BEGIN CERTIFICATE-----\nMII')
  await reported(/bundle\.crt: it contains an incomplete certificate/)
  assert.equal(await ask(one.port), 200)
  await writeFile(bundle, '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----')
  await reported(/^(?!Cannot use)/)
  assert.equal(await ask(one.port), 200)

  await rm(bundle)
  await copyFile(second.certificate_file, `${bundle}.new`)
  await rename(`${bundle}.new`, bundle)
  while ((await ask(two.port)) !== 200);
  assert.equal(await ask(one.port), 'DEPTH_ZERO_SELF_SIGNED_CERT')
})
