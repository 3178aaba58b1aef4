import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { PoolConfig, type PoolConfigOf } from '@copr/contract/pools/provider-options'
import { type Db, openDb } from '@copr/domain/database/open'
import { createMachine, machineGone } from '@copr/domain/machines/machines'
import { agentBundle } from '@copr/process/agent-bundle/agent-bundle'
import { silentLog } from '@copr/process/log'
import { commandProvider } from '@copr/resalloc/providers/command'
import type { StartOrder } from '@copr/resalloc/providers/provider'
import { whyNoSystem } from '../src/system/requirements.ts'
import { type SshHost, startSshHost, whyNoSshHost } from '../src/system/ssh-host.ts'
import { startSystem, type System } from '../src/system/start-system.ts'
import { tinySources, type TinySources } from '../src/system/tiny-srpm.ts'
import { until } from '../src/system/until.ts'

const OWNER = { installation_id: 'test-installation', pool: 'lab' }
const skip = whyNoSystem(process.env['PATH']) || whyNoSshHost()

suite('a pool of scripts, in the contract of resalloc', { skip }, () => {
  let host: SshHost
  let system: System
  let sources: TinySources
  let db: Db
  let dir: string

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'copr-ssh-pool-'))
    sources = tinySources()
    host = await startSshHost()
    system = await startSystem({ builders: 0, host: '0.0.0.0', address: host.gateway })
    db = openDb(system.databaseUrl, { max_connections: 2 })
  })
  after(async () => {
    await db?.destroy()
    await system?.[Symbol.asyncDispose]()
    await host?.[Symbol.asyncDispose]()
    sources?.[Symbol.dispose]()
    rmSync(dir, { recursive: true, force: true })
  })

  test('a build runs on a host that a script has named, reached by SSH', async (t) => {
    // As Copr's wrappers print it, with what resalloc tells the script.
    const cmd_new = `env | grep ^RESALLOC_ | sort >${dir}/new
printf 'name: %s\\nhost: ${host.address}\\nssh_port: ${host.port}\\n' "$RESALLOC_NAME"`
    const cmd_delete = `echo "$RESALLOC_NAME $RESALLOC_RESOURCE_DATA" >>${dir}/deleted`
    const options = { ssh_key_file: host.key_file, boot_timeout: 120 }
    const config = PoolConfig.parse({ cmd_new, cmd_delete, ...options }) as PoolConfigOf<'command'>
    const state_dir = join(dir, 'state')
    const make = commandProvider({ state_dir, env: { PATH: process.env['PATH'] ?? '' } })
    const provider = make(config, { ...OWNER, log: silentLog(), now: () => new Date() })
    const machine = await createMachine(db, { pool: 'lab', name: 'lab_1', now: new Date() })
    const order = await orderFor(machine)

    await system.api.createProject('by-ssh')
    const { id } = await system.api.uploadBuild('by-ssh', await sources.make({ name: 'far' }))
    const began = performance.now()
    const started = await provider.start(order, AbortSignal.timeout(120_000))
    assert.ok(started.ok, JSON.stringify(started))
    const brought = performance.now()
    const { state } = await system.api.waitForBuild(id)
    assert.equal(state, 'succeeded', await system.api.log(id))
    const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1)
    t.diagnostic(
      `agent brought in ${((brought - began) / 1000).toFixed(1)} s, built after ${seconds(began)} s`,
    )

    const told = readFileSync(join(dir, 'new'), 'utf8')
    assert.match(told, /^RESALLOC_ID=\d+$/m)
    assert.match(told, /^RESALLOC_POOL_ID=lab$/m)
    assert.match(await host.processes(), /packages\/builder\/src\/main\.ts/)
    // One-use, and gone with its use.
    const { provider_id } = started
    const token = join(host.builder_dir, provider_id, 'enroll-token')
    assert.throws(() => readFileSync(token), /ENOENT/)

    await provider.stop({ ...order, provider_id, data: started.data }, AbortSignal.timeout(30_000))
    const [name, data = ''] = readFileSync(join(dir, 'deleted'), 'utf8').trim().split(' ')
    assert.equal(name, provider_id)
    assert.match(Buffer.from(data, 'base64').toString(), new RegExp(`host: ${host.address}`))

    // The script leaves the host as it is: the agent ends because nobody knows it any more.
    const gone = { reason: 'Stopped', max_attempts: 5, now: new Date() }
    await machineGone(db, machine.machine_id, gone)
    let running = ''
    await until(
      async () => {
        running = await host.processes()
        return !running.includes('packages/builder/src/main.ts')
      },
      { timeout_ms: 60_000, what: 'the agent to end', seen: () => running },
    )
  })

  test('a host whose key has changed gets no agent, and no token', async () => {
    const known = join(dir, 'known_hosts')
    const other =
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0000000000000000000000000000000000000000000'
    writeFileSync(known, `${host.address} ${other}\n`)
    const config = PoolConfig.parse({
      cmd_new: `echo ${host.address}`,
      cmd_delete: 'true',
      ssh_key_file: host.key_file,
      ssh_known_hosts_file: known,
    }) as PoolConfigOf<'command'>
    const make = commandProvider({ state_dir: join(dir, 'state'), env: { PATH: '/bin:/usr/bin' } })
    const provider = make(config, { ...OWNER, log: silentLog(), now: () => new Date() })
    const machine = await createMachine(db, { pool: 'lab', name: 'lab_2', now: new Date() })
    const outcome = await provider.start(await orderFor(machine), AbortSignal.timeout(60_000))
    assert.ok(!outcome.ok)
    assert.match(outcome.message, /Host key verification failed/)
  })

  async function orderFor({
    machine_id,
    enroll_token,
  }: {
    machine_id: number
    enroll_token: string
  }): Promise<StartOrder> {
    const { sha256, nodes } = await agentBundle()
    const arches = [process.arch === 'arm64' ? 'aarch64' : 'x86_64']
    return {
      ...OWNER,
      machine_id,
      name: `lab_${machine_id}`,
      offering: { name: 'script', price_per_hour: 0 },
      launch_token: `launch-${machine_id}`,
      id_in_pool: 1,
      counters: {},
      boot: {
        enroll_token,
        gateway_url: `http://${host.gateway}:${system.port}`,
        name: `lab_${machine_id}`,
        arches,
        tags: [],
        agent: {
          sha256,
          node_sha256: Object.fromEntries(nodes.map((node) => [node.arch, node.sha256])),
        },
        dead_man: { enroll_seconds: 120, silence_seconds: 120, lifetime_seconds: 3600 },
      },
    }
  }
})
