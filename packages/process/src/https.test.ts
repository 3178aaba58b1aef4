import assert from 'node:assert/strict'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { connect } from 'node:tls'
import { Hono } from 'hono'
import { httpsClient } from './https-client.ts'
import { serveHttp } from './http-server.ts'
import { runOrThrow } from './run.ts'

interface Files {
  certificate_file: string
  key_file: string
}

/** A certificate that is its own authority, for 127.0.0.1. */
async function certify(dir: string, name: string): Promise<Files> {
  const files = { certificate_file: join(dir, `${name}.crt`), key_file: join(dir, `${name}.key`) }
  const make = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'.split(
    ' ',
  )
  const whose = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
  const into = ['-keyout', files.key_file, '-out', files.certificate_file]
  await runOrThrow('openssl', [...make, ...whose, ...into])
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

const request = () => ({ method: 'GET' as const, signal: AbortSignal.timeout(5_000) })

test('serveHttp() serves HTTPS, and takes a renewed certificate up; clients follow their bundle', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'copr-https-'))
  try {
    const first = await certify(dir, 'first')
    const second = await certify(dir, 'second')
    const tls = { certificate_file: join(dir, 'tls.crt'), key_file: join(dir, 'tls.key') }
    const ca_file = join(dir, 'ca.crt')
    const install = async (files: Files): Promise<void> => {
      await copyFile(files.key_file, tls.key_file)
      await copyFile(files.certificate_file, tls.certificate_file)
    }
    await install(first)
    await copyFile(first.certificate_file, ca_file)
    const app = new Hono().get('/', (c) => c.text('hello'))
    const where = { host: '127.0.0.1', port: 0, tls, reload_seconds: 0.02 }
    await using server = await serveHttp(app, where)
    const url = `https://127.0.0.1:${server.port}/`
    const ask = httpsClient({ ca_file })
    assert.deepEqual(await ask(url, request()), { status: 200, body: 'hello' })
    await assert.rejects(httpsClient({})(url, request()), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })

    await install(second)
    while ((await nameServed(server.port)) !== 'second');
    await copyFile(second.certificate_file, ca_file)
    assert.equal((await ask(url, request())).status, 200)

    await writeFile(tls.certificate_file, 'rubbish')
    assert.equal((await ask(url, request())).status, 200, 'the former one is served on')
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})
