import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { run } from '@copr/process/run'

const SCRIPT = join(import.meta.dirname, 'install-npm-packages.sh')
const isRoot = process.getuid?.() === 0

const scratch = mkdtempSync(join(tmpdir(), 'copr-npm-'))
after(() => rmSync(scratch, { recursive: true, force: true }))

test('install-npm-packages.sh installs the packages of package.json without output', async () => {
  using registry = await startRegistry()
  const { dir, install } = project(registry.url)
  assert.deepEqual(await install(), { ok: true, output: '' })
  assert.match(readFileSync(join(dir, 'node_modules/lead/package.json'), 'utf8'), /"lead"/)
})

test('install-npm-packages.sh reports an unreachable registry together with the proxy setting', async () => {
  const { install } = project('http://127.0.0.1:9')
  const { ok, output } = await install()
  assert.equal(ok, false)
  assert.match(output, /ECONNREFUSED/, 'npm’s own error is shown')
  assert.match(lastLine(output), /^npm cannot reach http:\/\/127\.0\.0\.1:9: .*HTTPS_PROXY/)
})

test('install-npm-packages.sh reports an untrusted certificate, and where to install its CA', async () => {
  using registry = await startRegistry({ tls: true })
  const { install } = project(registry.url)
  const { ok, output } = await install()
  assert.equal(ok, false)
  assert.match(
    lastLine(output),
    /^npm does not trust the certificate of https:.*update-ca-certificates/,
  )
})

test(
  'install-npm-packages.sh reports a full disk together with the free space',
  { skip: !isRoot && 'needs root: it mounts a small file system' },
  async () => {
    using registry = await startRegistry()
    const { dir, install } = project(registry.url)
    const onSmallDisk = [
      '-m',
      'sh',
      '-c',
      'mount -t tmpfs -o size=256k tmpfs "$0/node_modules" && exec "$@"',
      dir,
    ]
    const { ok, output } = await install(['unshare', ...onSmallDisk])
    assert.equal(ok, false)
    assert.match(
      lastLine(output),
      /^The disk is full: npm needs about \d+ MB in \S+ .* free: \S+ and \S+\./,
    )
  },
)

test('install-npm-packages.sh reports that npm is missing or that Node is too old', async () => {
  const { install } = project('http://127.0.0.1:9')
  const none = await install([], programs({}))
  assert.match(
    none.output,
    /^Cannot install npm packages: npm is missing\. Install it \(.*apt-get install npm/,
  )
  const old = await install([], programs({ npm: 'exit 1', node: 'echo v12.22.5' }))
  assert.match(old.output, /^Cannot install npm packages: npm runs on Node v12\.22\.5, and 18 is/)
})

/** Creates a folder with a package.json that names one package, and with npm settings that use only `registry`. */
function project(registry: string) {
  const dir = mkdtempSync(join(scratch, 'project-'))
  for (const folder of ['cache', 'node_modules']) mkdirSync(join(dir, folder))
  writeFileSync(join(dir, 'package.json'), '{"name":"top","dependencies":{"lead":"1.0.0"}}')
  writeFileSync(
    join(dir, '.npmrc'),
    `registry=${registry}\ncache=${dir}/cache\naudit=false\nfetch-retries=0\n`,
  )
  const install = async (prefix: string[] = [], path = process.env['PATH'] ?? '') => {
    const [command, ...args] = [...prefix, '/bin/sh', SCRIPT, dir, 'install']
    const { ok, output } = await run(command, args, { env: { HOME: dir, PATH: path } })
    return { ok, output }
  }
  return { dir, install }
}

const lastLine = (output: string): string => output.trimEnd().split('\n').at(-1) ?? ''

/** Returns a PATH that contains these programs and the tools that the script needs. */
function programs(scripts: Record<string, string>): string {
  const dir = mkdtempSync(join(scratch, 'bin-'))
  for (const tool of ['tr', 'grep', 'paste', 'sed'])
    writeFileSync(join(dir, tool), `#!/bin/sh\nexec /usr/bin/${tool} "$@"\n`)
  for (const [name, body] of Object.entries(scripts))
    writeFileSync(join(dir, name), `#!/bin/sh\n${body}\n`)
  execFileSync('chmod', ['-R', '755', dir])
  return dir
}

/** Starts a registry with one package, about 1 MB of incompressible data. */
async function startRegistry({ tls = false } = {}): Promise<{ url: string } & Disposable> {
  const dir = mkdtempSync(join(scratch, 'registry-'))
  mkdirSync(join(dir, 'package'))
  writeFileSync(join(dir, 'package/package.json'), '{"name":"lead","version":"1.0.0"}')
  writeFileSync(join(dir, 'package/weight'), randomBytes(1_000_000))
  execFileSync('tar', ['-czf', 'lead.tgz', 'package'], { cwd: dir })
  const archive = readFileSync(join(dir, 'lead.tgz'))
  const answer: RequestListener = (request, response) => {
    if (request.url?.endsWith('.tgz')) return void response.end(archive)
    const dist = { tarball: `${url}/lead/-/lead-1.0.0.tgz` }
    const versions = { '1.0.0': { name: 'lead', version: '1.0.0', dist } }
    response.end(JSON.stringify({ name: 'lead', 'dist-tags': { latest: '1.0.0' }, versions }))
  }
  const server: Server = tls ? createTlsServer(selfSigned(dir), answer) : createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http${tls ? 's' : ''}://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, [Symbol.dispose]: () => void server.close() }
}

function selfSigned(dir: string): { key: Buffer; cert: Buffer } {
  const output = ['-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')]
  const wanted = ['-subj', '/CN=registry', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...wanted, ...output], {
    stdio: 'ignore',
  })
  chmodSync(join(dir, 'key.pem'), 0o600)
  return { key: readFileSync(join(dir, 'key.pem')), cert: readFileSync(join(dir, 'cert.pem')) }
}
