/** Tests install.sh and bake.sh as machines run them, with fake programs that only record their calls. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { tar } from '@copr/agent/bundle/tar'
import { run, type RunOutcome } from '@copr/process/run'
import { makeAuthority } from '@copr/testkit/cluster/certificates'
import type { BootConfig } from '../providers/provider.ts'
import { sampleBoot } from '../testing/sample-boot.ts'
import { bakeStateOf, bakeUserData } from './bake-config.ts'
import { machineFiles } from './machine-files.ts'

const script = (name: string): string => fileURLToPath(new URL(`machine/${name}`, import.meta.url))
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const agentOf = async (version: string): Promise<Buffer> =>
  gzipSync(await tar([{ path: 'packages/agent.ts', content: Buffer.from(version) }]))

async function machine(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'copr-install-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const [bin, lib] = [join(dir, 'bin'), join(dir, 'lib')]
  mkdirSync(bin)
  const program = (name: string, body: string): void =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 })
  const tools = ['mock', 'rpmbuild', 'git', 'createrepo_c', 'setpriv', 'mkfs.ext4', 'ip', 'python3']
  for (const name of [...tools, 'crun', 'slirp4netns']) program(name, 'exit 0')
  writeFileSync(join(dir, 'seccomp.json'), '{}')
  for (const name of ['dnf', 'useradd', 'cloud-init']) program(name, `echo "$0 $*" >>${dir}/called`)
  program('node', 'echo 26')
  const served = new Map<string, Buffer>()
  const fetched: string[] = []
  const server = createServer((request, response) => {
    const digest = request.url?.split('/').at(-1) ?? ''
    fetched.push(digest)
    const bytes = served.get(digest)
    response.writeHead(bytes ? 200 : 404).end(bytes)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => server.close())
  const gateway_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const env = {
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    COPR_BOOT_ENV: join(dir, 'boot.env'),
    COPR_LIB: lib,
    TMPDIR: dir,
    COPR_BAKE_PAUSE: '0',
    COPR_SECCOMP_PROFILE: join(dir, 'seccomp.json'),
  }
  const orders = (agent: Buffer, more: Partial<BootConfig> = {}): void => {
    served.set(sha256(agent), agent)
    const facts = { sha256: sha256(agent), node_sha256: {} }
    const files = machineFiles(sampleBoot({ gateway_url, agent: facts, ...more }))
    for (const { path, content } of files)
      if (/\/(boot\.env|gateway-ca\.pem)$/.test(path))
        writeFileSync(join(dir, basename(path)), content.replaceAll(dirname(path), dir))
  }
  return {
    dir,
    lib,
    fetched,
    served,
    orders,
    program,
    called: (): string =>
      existsSync(`${dir}/called`) ? readFileSync(`${dir}/called`, 'utf8') : '',
    install: async (): Promise<RunOutcome> => await run('/bin/sh', [script('install.sh')], { env }),
    bake: async (install = script('install.sh')): Promise<string> => {
      const root = join(dir, 'root')
      for (const each of ['etc/copr-builder', 'etc/ssh', 'root/.ssh'])
        mkdirSync(join(root, each), { recursive: true })
      for (const each of [
        'etc/ssh/ssh_host_rsa_key',
        'etc/machine-id',
        'etc/copr-builder/boot.env',
      ])
        writeFileSync(join(root, each), 'of this machine')
      const args = [script('bake.sh'), 'n-1', join(dir, 'console'), root, install]
      const baked = await run('/bin/sh', [...args, `touch ${dir}/off`], { env })
      assert.ok(baked.ok, baked.output)
      assert.ok(existsSync(join(dir, 'off')), 'it is switched off in any case')
      return readFileSync(join(dir, 'console'), 'utf8')
    },
    agent: (): string => readFileSync(join(lib, 'current/packages/agent.ts'), 'utf8'),
  }
}

test('install.sh on an image with everything installed fetches and installs nothing', async (t) => {
  const m = await machine(t)
  m.orders(await agentOf('one'))
  const first = await m.install()
  assert.ok(first.ok, first.output)
  assert.equal(m.agent(), 'one')
  const [asked, noted] = [m.fetched.length, m.called()]
  assert.equal(asked, 1)
  // The script runs again, as it does on a machine that was started from the image.
  const again = await m.install()
  assert.ok(again.ok, again.output)
  assert.equal(m.fetched.length, asked)
  assert.doesNotMatch(m.called().slice(noted.length), /dnf/)
})

test('install.sh installs the package of the seccomp profile if the machine has none', async (t) => {
  const m = await machine(t)
  m.orders(await agentOf('one'))
  rmSync(join(m.dir, 'seccomp.json'))
  const installed = await m.install()
  assert.ok(installed.ok, installed.output)
  assert.match(m.called(), /dnf -y --setopt=install_weak_deps=False install containers-common\n/)
})

test('install.sh trusts the certificate authority given for the gateway', async (t) => {
  const m = await machine(t)
  const authority = await makeAuthority(m.dir, 'Authority of this test')
  const { cert, key } = await authority.forServer('gateway', ['localhost'])
  const agent = await agentOf('one')
  const server = createTlsServer({ cert, key }, (_, response) => response.end(agent))
  await new Promise((resolve) => server.listen(0, 'localhost', () => resolve(undefined)))
  t.after(() => server.close())
  const gateway_url = `https://localhost:${(server.address() as AddressInfo).port}`
  m.orders(agent, { gateway_url, trusted_ca: authority.cert })
  const installed = await m.install()
  assert.ok(installed.ok, installed.output)
  assert.equal(m.agent(), 'one')
})

test('install.sh replaces the agent of the image if its digest differs', async (t) => {
  const m = await machine(t)
  m.orders(await agentOf('one'))
  assert.ok((await m.install()).ok)
  writeFileSync(join(m.lib, 'agent.tar.gz'), await agentOf('somebody else'))
  writeFileSync(join(m.lib, 'current/packages/agent.ts'), 'somebody else')
  assert.ok((await m.install()).ok)
  assert.equal(m.agent(), 'one')
  // The gateway now serves a different version from the one in the image.
  m.orders(await agentOf('two'))
  assert.ok((await m.install()).ok)
  assert.equal(m.agent(), 'two')
  assert.equal(m.fetched.length, 3)
  const versions = readdirSync(m.lib).filter((name) => name.length === 64)
  assert.deepEqual(versions, [readlinkSync(join(m.lib, 'current'))])
})

test('bake.sh reports success when everything is installed, and leaves nothing specific to its machine', async (t) => {
  const m = await machine(t)
  m.orders(await agentOf('one'))
  const said = await m.bake()
  assert.deepEqual(bakeStateOf(said, 'n-1'), { kind: 'done' })
  assert.equal(m.agent(), 'one')
  const root = join(m.dir, 'root')
  assert.equal(readFileSync(join(root, 'etc/machine-id'), 'utf8'), '')
  for (const gone of ['etc/copr-builder', 'etc/ssh/ssh_host_rsa_key'])
    assert.equal(existsSync(join(root, gone)), false, gone)
  assert.match(m.called(), /cloud-init clean --logs/)
})

test('bake.sh reports failure after three attempts', async (t) => {
  const m = await machine(t)
  const broken = join(m.dir, 'broken.sh')
  writeFileSync(broken, 'echo "No match for argument: mock" >&2; exit 1\n')
  const said = await m.bake(broken)
  assert.equal(said.match(/installing, try/g)?.length, 3)
  assert.deepEqual(bakeStateOf(said, 'n-1'), {
    kind: 'failed',
    log: Array.from({ length: 3 }, () => 'No match for argument: mock'),
  })
})

test('bake.sh reports failure if cleanup failed, because machines would share an identity', async (t) => {
  const m = await machine(t)
  m.orders(await agentOf('one'))
  m.program('cloud-init', 'echo "cannot clean"; exit 1')
  assert.deepEqual(bakeStateOf(await m.bake(), 'n-1'), { kind: 'failed', log: ['cannot clean'] })
})

for (const [what, text, state] of [
  ['no line of bake.sh', 'Linux version 6', { kind: 'silent' }],
  ['lines of other bakes', 'copr-bake other done\ncopr-bake n-1x done', { kind: 'silent' }],
  [
    'a line of progress',
    'x\r\n[ 3.1] copr-bake n-1 installing, try 1\r\n',
    { kind: 'working', at: 'installing, try 1' },
  ],
] as const)
  test(`bakeStateOf() of a console with ${what}`, () => {
    assert.deepEqual(bakeStateOf(text, 'n-1'), state)
  })

test('bakeUserData() is within the size limit and contains no enrollment token', () => {
  const { gateway_url, agent } = sampleBoot()
  const bytes = bakeUserData({ gateway_url, agent, nonce: 'n-1', limit_seconds: 1800 })
  assert.ok(bytes.length < 8192)
})
