import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type Db, openDb } from '@copr/domain/database/open'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { type SshHost, startSshHost, whyNoSshHost } from '@copr/testkit/system/ssh-host'
import { startSystem, type System } from '@copr/testkit/system/start-system'
import { tinySources, type TinySources } from '@copr/testkit/system/tiny-srpm'
import { until } from '@copr/testkit/system/until'

const skip = whyNoSystem(process.env['PATH']) || whyNoSshHost()
const AGENT = 'packages/builder/src/main.ts'

suite('a pool of scripts with the interface of resalloc', { skip }, () => {
  let host: SshHost
  let system: System
  let sources: TinySources
  let db: Db
  let dir: string

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'copr-ssh-pool-'))
    sources = tinySources()
    host = await startSshHost()
    const pools = { lab: labPool() }
    system = await startSystem({ builders: 0, host: '0.0.0.0', address: host.gateway, pools })
    db = openDb(system.databaseUrl, { max_connections: 2 })
  })
  after(async () => {
    await db?.destroy()
    await system?.[Symbol.asyncDispose]()
    await host?.[Symbol.asyncDispose]()
    sources?.[Symbol.dispose]()
    rmSync(dir, { recursive: true, force: true })
  })

  /** A pool as in resalloc's pools.yaml, whose scripts print the same output as Copr's wrappers. */
  function labPool(more: object = {}): object {
    return {
      max: 1,
      max_prealloc: 0,
      tags: [process.arch === 'arm64' ? 'arch_aarch64' : 'arch_x86_64'],
      cmd_new: `env | grep ^RESALLOC_ | sort >${dir}/new
printf 'name: %s\\nhost: ${host.address}\\nssh_port: ${host.port}\\n' "$RESALLOC_NAME"`,
      cmd_delete: `echo "$RESALLOC_NAME $RESALLOC_RESOURCE_DATA" >>${dir}/deleted`,
      ssh_key_file: host.key_file,
      ...more,
    }
  }

  async function eventsOf(pool: string): Promise<string[]> {
    const events = await db
      .selectFrom('machine_event')
      .select(['kind', 'text'])
      .where('pool', '=', pool)
      .orderBy('id')
      .execute()
    return events.map(({ kind, text }) => `${kind} ${text}`)
  }

  test('a machine is started for a waiting build, set up over SSH, used, and deleted', async (t) => {
    // No machine is started without demand.
    assert.equal(await host.processes().then((running) => running.includes(AGENT)), false)
    await system.api.createProject('by-ssh')
    const began = performance.now()
    const { id } = await system.api.uploadBuild('by-ssh', await sources.make({ name: 'far' }))
    const { state } = await system.api.waitForBuild(id)
    const told = async (): Promise<string> =>
      [...(await eventsOf('lab')), await system.api.log(id)].join('\n')
    assert.equal(state, 'succeeded', await told())
    t.diagnostic(`built after ${((performance.now() - began) / 1000).toFixed(1)} s`)

    const environment = readFileSync(join(dir, 'new'), 'utf8')
    assert.match(environment, /^RESALLOC_ID=\d+$/m)
    assert.match(environment, /^RESALLOC_POOL_ID=lab$/m)
    const name = /^RESALLOC_NAME=(.+)$/m.exec(environment)?.[1] ?? ''
    // The token can be used once, and is then deleted.
    assert.throws(() => readFileSync(join(host.builder_dir, name, 'enroll-token')), /ENOENT/)

    // The machine has run its only task, so it is deleted. The delete script receives the output of the create script.
    const deleted = (): string[] => {
      try {
        return readFileSync(join(dir, 'deleted'), 'utf8').trim().split('\n')
      } catch {
        return []
      }
    }
    await until(() => deleted().length > 0, {
      timeout_ms: 60_000,
      what: 'the machine to be deleted',
      seen: () => system.logs(),
    })
    const [line = ''] = deleted()
    const [deleted_name, data = ''] = line.split(' ')
    assert.equal(deleted_name, name)
    assert.match(Buffer.from(data, 'base64').toString(), new RegExp(`host: ${host.address}`))
    let state_of_machine: string | undefined
    await until(
      async () => {
        const machine = db.selectFrom('machine').select('state').where('pool', '=', 'lab')
        state_of_machine = (await machine.executeTakeFirst())?.state
        return state_of_machine === 'gone'
      },
      { timeout_ms: 60_000, what: 'the machine to be gone', seen: () => state_of_machine },
    )
    assert.equal(deleted().length, 1)
    // The delete script does not change the host. The agent exits because the gateway no longer knows it.
    let running = ''
    await until(
      async () => {
        running = await host.processes()
        return !running.includes(AGENT)
      },
      { timeout_ms: 60_000, what: 'the agent to end', seen: () => running },
    )
  })

  test('a host whose key has changed receives neither the agent nor a token', async () => {
    const known = join(dir, 'known_hosts')
    const other =
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0000000000000000000000000000000000000000000'
    writeFileSync(known, `${host.address} ${other}\n`)
    system.setPools({ strange: labPool({ ssh_known_hosts_file: known }) })
    await system.api.createProject('by-nobody')
    const { id } = await system.api.uploadBuild('by-nobody', await sources.make({ name: 'no' }))
    let seen: string[] = []
    await until(
      async () => {
        seen = await eventsOf('strange')
        return seen.some((each) => each.includes('Host key verification failed'))
      },
      { timeout_ms: 60_000, what: 'the refusal', seen: () => seen.join('\n') },
    )
    assert.deepEqual(
      readdirSync(host.builder_dir).filter((each) => each.startsWith('strange')),
      [],
    )
    await system.api.cancel(id)
  })
})
