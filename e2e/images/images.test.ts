import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { importChroot } from '@copr/domain/chroots/chroot-queries'
import { freePort, startEmbeddedPostgres } from '@copr/domain/database/embedded-postgres'
import { migrate } from '@copr/domain/database/migrate'
import { openDb } from '@copr/domain/database/open'
import { createMachine } from '@copr/domain/machines/machines'
import { issueToken } from '@copr/domain/users/api-tokens'
import { createUser } from '@copr/domain/users/user-queries'
import { runOrThrow } from '@copr/process/run'
import { debianChroot, DISTRO_CHROOT } from '@copr/demo-distro/chroot'
import { makeDistro } from '@copr/demo-distro/make-distro'
import { makeExampleSrpm } from '@copr/demo-distro/example/example'
import { apiClient } from '@copr/testkit/system/api-client'
import { runContainer, startContainer, whyNoContainers } from '@copr/testkit/system/containers'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { scratchRoot } from '@copr/testkit/system/scratch-root'
import { CACHE_DIR } from '@copr/testkit/system/start-system'
import { until } from '@copr/testkit/system/until'

const SERVER = 'localhost/copr-server:latest'
const BUILDER = 'localhost/copr-builder:latest'
const DISTRO = join(CACHE_DIR, 'distro')
/** A user ID such as OpenShift assigns: each namespace has its own range, and the first range begins at 1,000,000,000. */
const UID = 1_000_000_000 + randomInt(1_000_000)
const RESTRICTED = [
  '--user',
  `${UID}:0`,
  '--read-only',
  '--cap-drop',
  'all',
  '--security-opt',
  'no-new-privileges',
  '--tmpfs',
  '/tmp:mode=1777',
]
const skip = whyNoSystem(process.env['PATH']) || (await whyNoContainers(SERVER))
const name = (part: string): string => `copr-test-${process.pid}-${part}`

/** Creates orphans: processes whose parent has exited. They stay zombies unless process 1 reaps them. */
const MAKE_ORPHANS = `
const { spawnSync } = require('node:child_process')
const { readdirSync, readFileSync } = require('node:fs')
const child = "require('node:child_process').spawn('git',['--version'],{detached:true,stdio:'ignore'}).unref()"
for (let i = 0; i < 5; i++) spawnSync(process.execPath, ['-e', child])
const state = (pid) => { try { return readFileSync('/proc/'+pid+'/stat','utf8').split(') ')[1][0] } catch { return 'gone' } }
setTimeout(() => console.log(readdirSync('/proc').filter((pid) => /^[0-9]+$/.test(pid) && state(pid) === 'Z').length + ' zombies'), 1000)
`

suite('the images', { skip }, () => {
  test('the server image has no shell and no package manager, and its init process reaps zombies', async () => {
    for (const program of ['/bin/sh', '/usr/bin/apt-get', '/usr/bin/dpkg', '/usr/bin/perl'])
      await assert.rejects(
        runContainer(SERVER, { options: ['--entrypoint', program], args: [] }),
        /no such file or directory/,
      )
    const tini = ['--entrypoint', '/usr/bin/tini']
    const counted = await runContainer(SERVER, {
      options: [...RESTRICTED, ...tini],
      args: ['--', '/usr/local/bin/node', '-e', MAKE_ORPHANS],
    })
    assert.equal(counted.trim(), '0 zombies')
  })

  test('the server image contains no file that its user may write to', async () => {
    const walk = `
      const { accessSync, constants, lstatSync, readdirSync } = require('node:fs')
      const writable = [], skip = new Set(['/proc', '/sys', '/dev', '/tmp', '/run', '/var/tmp', '/data'])
      const look = (path) => { for (const name of readdirSync(path)) { const each = (path === '/' ? '' : path) + '/' + name
        if (skip.has(each)) continue; const found = lstatSync(each); if (found.isSymbolicLink()) continue
        try { accessSync(each, constants.W_OK); writable.push(each) } catch {}
        if (found.isDirectory()) try { look(each) } catch (e) { if (e.code !== 'EACCES') throw e } } }
      look('/'); console.log(JSON.stringify(writable))`
    const user = ['--user', `${UID}:0`, '--cap-drop', 'all', '--entrypoint', '/usr/local/bin/node']
    const found = JSON.parse(await runContainer(SERVER, { options: user, args: ['-e', walk] }))
    const ofPodman = ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/etc/mtab']
    assert.deepEqual(
      (found as string[]).filter((path) => !ofPodman.includes(path)),
      [],
    )
  })

  suite('a whole build', () => {
    let dir: string
    before(() => {
      dir = mkdtempSync(join(tmpdir(), 'copr-images-'))
      // The embedded PostgreSQL runs as another user, and a volume belongs to group 0.
      chmodSync(dir, 0o755)
      mkdirSync(join(dir, 'data'))
      chmodSync(join(dir, 'data'), 0o2775)
    })
    after(() => rmSync(dir, { recursive: true, force: true }))

    test('a build runs through both images, with keygen over TLS, and dnf installs the result', async (t) => {
      await using postgres = await startEmbeddedPostgres({
        dir: join(dir, 'postgres'),
        password: 'of-this-test-only',
        unsafe: true,
      })
      await migrate(postgres.url)
      const config = await writeConfiguration(dir, postgres.url)
      await using db = openDb(postgres.url, { max_connections: 2, onError: () => undefined })
      const distro = await makeDistro({
        dir: DISTRO,
        signal: AbortSignal.timeout(600_000),
        onProgress: () => undefined,
      })
      const now = new Date()
      await importChroot(db, await debianChroot(`file://${distro.repoDir}`), now)
      const { id } = await createUser(db, { username: 'dana', is_admin: true, now })
      const credentials = await issueToken(db, id, { now, days: 1 })
      const machine = { pool: 'test', name: 'builder', now }
      const { enroll_token } = await createMachine(db, machine)

      const mounts = ['--volume', `${dir}/etc:/etc/copr:ro`, '--volume', `${dir}/data:/data`]
      const part = async (which: string) =>
        await startContainer(name(which), SERVER, {
          options: [...RESTRICTED, ...mounts],
          args: ['run', which, '--config', '/etc/copr/copr.yaml'],
        })
      await using keygen = await part('keygen')
      await using servers = await part('servers')
      await using builder = await startContainer(name('builder'), BUILDER, {
        options: [
          // Builds need mounts, and namespaces of their own.
          '--privileged',
          '--env',
          `COPR_ENROLL_TOKEN=${enroll_token}`,
          '--volume',
          `${dir}/etc:/etc/copr:ro`,
          '--volume',
          `${DISTRO}:${DISTRO}:ro`,
        ],
        args: ['--config', '/etc/copr/copr.yaml', '--scratch-dir', '/var/lib/copr-builder'],
      })
      const all = [keygen, servers, builder]
      for (const each of all) assert.equal(await each.process1(), 'tini')
      const api = apiClient(config.public_url, 'dana', credentials)
      await until(
        async () => (await api.raw('GET', '/api_3/').catch(() => undefined)) !== undefined,
        {
          timeout_ms: 60_000,
          what: 'the servers',
          seen: async () => (await servers.log()).slice(-5),
        },
      )

      await api.createProject('hello', { chroots: [DISTRO_CHROOT] })
      const submitted = await api.uploadBuild('hello', await makeExampleSrpm(CACHE_DIR))
      const { state } = await api.waitForBuild(submitted.id, 300_000)
      const lines = (await Promise.all(all.map((each) => each.log()))).map((log) => log.map(parse))
      const ends = JSON.stringify(lines.map((log) => log.slice(-5)))
      assert.equal(state, 'succeeded', `${(await api.log(submitted.id)).slice(-1200)}\n${ends}`)
      using root = await scratchRoot({ url: config.public_url, api }, 'hello')
      await root.install('hello-copr')
      t.diagnostic((await root.run('/usr/bin/hello-copr')).trim())

      // The build ID makes it possible to find a build in the logs of all components.
      const said = lines.map((log) =>
        log.filter(({ build_id }) => build_id === submitted.id).map(({ msg }) => String(msg)),
      )
      assert.ok(said[0]?.includes('Signed'), 'keygen')
      assert.ok(said[1]?.includes('Task claimed') && said[1].includes('Build published'), 'servers')
      assert.ok(said[2]?.includes('Claimed task') && said[2].includes('Finished task'), 'builder')
      const checked = await servers.exec(
        '/usr/local/bin/coprctl',
        'keygen',
        'check',
        '--config',
        '/etc/copr/copr.yaml',
      )
      assert.match(checked, /The signature log is intact: [1-9]/)
      for (const each of all.toReversed()) assert.equal(await each.stop(), 0, each.name)
    })
  })
})

/** Parses a line of a container's output. Every line must be JSON. */
function parse(line: string): Record<string, unknown> {
  return JSON.parse(line) as Record<string, unknown>
}

async function writeConfiguration(
  dir: string,
  database_url: string,
): Promise<{ public_url: string }> {
  const etc = join(dir, 'etc')
  mkdirSync(etc)
  const at = (file: string): string => join(etc, file)
  const make = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'.split(
    ' ',
  )
  const whose = ['-subj', '/CN=keygen', '-addext', 'subjectAltName=IP:127.0.0.1']
  await runOrThrow('openssl', [...make, ...whose, '-keyout', at('tls.key'), '-out', at('tls.crt')])
  writeFileSync(at('master-key'), randomBytes(32))
  const port = await freePort(0)
  const public_url = `http://127.0.0.1:${port}`
  const config = {
    public_url,
    listen: { host: '127.0.0.1', port },
    data_dir: '/data',
    database_url,
    sign_domain: 'test.invalid',
    keygen: {
      url: `https://127.0.0.1:${await freePort(0)}`,
      secret: randomBytes(16).toString('hex'),
      tls: { certificate_file: '/etc/copr/tls.crt', key_file: '/etc/copr/tls.key' },
      ca_file: '/etc/copr/tls.crt',
      master_key_file: '/etc/copr/master-key',
      pool_size: 1,
    },
    allow_private_urls: true,
  }
  writeFileSync(at('copr.yaml'), JSON.stringify(config))
  // Permissions as in a mounted Secret: readable by group 0, whichever user reads.
  for (const file of ['tls.key', 'master-key', 'copr.yaml']) chmodSync(at(file), 0o440)
  assert.match(readFileSync(at('tls.crt'), 'utf8'), /BEGIN CERTIFICATE/)
  return { public_url }
}
