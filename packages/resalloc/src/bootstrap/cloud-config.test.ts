import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, suite, test } from 'node:test'
import { AgentConfig } from '@copr/contract/agent-config'
import { run } from '@copr/process/run'
import { parse } from 'yaml'
import { sampleBoot } from '../testing/sample-boot.ts'
import { cloudConfig, userData } from './cloud-config.ts'
import { machineFiles } from './machine-files.ts'

const EC2 = { interruption_notice: 'ec2' } as const
const dir = mkdtempSync(join(tmpdir(), 'copr-cloud-config-'))
after(() => rmSync(dir, { recursive: true, force: true }))

interface Parsed {
  bootcmd: string[][]
  write_files: { path: string; content: string; permissions: string }[]
  runcmd: string[][]
}

const parsed = (text: string): Parsed => parse(text) as Parsed

test('userData() is far below the 16 KB limit of EC2', () => {
  const bytes = userData(sampleBoot(), EC2).length
  assert.ok(bytes < 8192, `${bytes} bytes`)
})

test('cloudConfig() puts secrets only into files that root alone can read, and not into commands', () => {
  const boot = sampleBoot()
  const { write_files, runcmd, bootcmd } = parsed(cloudConfig(boot, EC2))
  const holders = write_files.filter(({ content }) => content.includes(boot.enroll_token))
  assert.deepEqual(
    holders.map(({ path, permissions }) => [path, permissions]),
    [['/etc/copr-builder/enroll-token', '0600']],
  )
  assert.ok(!JSON.stringify([runcmd, bootcmd]).includes(boot.enroll_token))
})

test('cloudConfig() writes a configuration that the agent accepts', () => {
  const { write_files } = parsed(cloudConfig(sampleBoot()))
  const json = write_files.find(({ path }) => path.endsWith('/agent.json'))?.content ?? ''
  const config = AgentConfig.parse(JSON.parse(json))
  assert.equal(config.at_end, 'power_off')
  assert.deepEqual(config.dead_man, sampleBoot().dead_man)
})

test('only single-use machines may build with mock', () => {
  const engineOf = (single_use: boolean) => {
    const { write_files } = parsed(cloudConfig(sampleBoot({ single_use })))
    const json = write_files.find(({ path }) => path.endsWith('/agent.json'))?.content ?? ''
    return AgentConfig.parse(JSON.parse(json)).engine
  }
  assert.deepEqual([engineOf(true), engineOf(false)], ['auto', 'native'])
})

test('sh reads the values of boot.env unchanged', async () => {
  const gateway_url = `https://copr.example/it's $(touch ${dir}/pwned)`
  const env = machineFiles({ ...sampleBoot(), gateway_url }).find(({ path }) =>
    path.endsWith('boot.env'),
  )
  writeFileSync(join(dir, 'boot.env'), env?.content ?? '')
  const read = await run('/bin/sh', [
    '-c',
    '. "$1"; printf %s "$GATEWAY_URL"',
    'sh',
    join(dir, 'boot.env'),
  ])
  assert.deepEqual(read, { ok: true, output: gateway_url })
})

test('a machine that never gets beyond its first boot stage powers off', () => {
  const { bootcmd } = parsed(cloudConfig(sampleBoot()))
  const seconds = sampleBoot().dead_man.enroll_seconds + 120
  assert.ok(bootcmd[0]?.includes(`--on-boot=${seconds}`))
  assert.deepEqual(bootcmd[0]?.slice(-2), ['systemctl', 'poweroff'])
})

suite('compatibility with cloud-init, systemd and sh', () => {
  test("cloud-init's schema accepts the cloud-config", async (t) => {
    const cloudInit = await findCloudInit()
    if (typeof cloudInit === 'string') return t.skip(cloudInit)
    const path = join(dir, 'user-data.yaml')
    writeFileSync(path, cloudConfig(sampleBoot(), EC2))
    const { program, env } = cloudInit
    const args = [...cloudInit.args, 'schema', '--config-file', path]
    const checked = await run(program, args, { env })
    assert.ok(checked.ok, checked.output)
    assert.match(checked.output, /Valid/)
    // The schema must refuse an invalid configuration.
    writeFileSync(path, '#cloud-config\nwrite_files: 3\n')
    assert.equal((await run(program, args, { env })).ok, false)
  })

  test('systemd accepts the units of the cloud-config', async (t) => {
    if (!(await run('/bin/sh', ['-c', 'command -v systemd-analyze'])).ok)
      return t.skip('needs systemd-analyze')
    const units = machineFiles(sampleBoot(), EC2).filter(({ path }) => path.includes('/systemd/'))
    mkdirSync(join(dir, 'units'))
    const paths = units.map(({ path, content }) => {
      const here = join(dir, 'units', basename(path))
      // The agent's Node is not installed here; systemd only requires an executable.
      writeFileSync(here, content.replace('/usr/local/lib/copr-builder/node', '/bin/true'))
      return here
    })
    const verified = await run('systemd-analyze', ['verify', '--man=no', ...paths])
    assert.ok(verified.ok, verified.output)
    assert.equal(verified.output.trim(), '')
  })

  for (const { path, content } of machineFiles(sampleBoot(), EC2).filter(({ path }) =>
    path.endsWith('.sh'),
  ))
    test(`sh accepts the syntax of ${basename(path)}`, async () => {
      const read = await run('/bin/sh', ['-n'], { input: content })
      assert.deepEqual(read, { ok: true, output: '' })
    })
})

/**
 * Finds cloud-init on this machine, or extracts it from its Debian package. It is not installed, because that would change how the machine
 * boots.
 */
async function findCloudInit(): Promise<
  { program: string; args: string[]; env: Record<string, string> } | string
> {
  if ((await run('/bin/sh', ['-c', 'command -v cloud-init'])).ok)
    return { program: 'cloud-init', args: [], env: {} }
  if (!(await run('/bin/sh', ['-c', 'command -v apt-get && command -v dpkg-deb'])).ok)
    return 'needs cloud-init, or apt-get to fetch it'
  const root = join(dir, 'cloud-init')
  mkdirSync(root)
  // Extracts only the packages that this machine lacks: python3 finds the others where they are installed.
  const script = `
    mkdir -p "$1/debs/partial"
    apt-get install --quiet --yes --download-only --no-install-recommends -o Dir::Cache::archives="$1/debs" \
      -o Debug::NoLocking=1 -o APT::Sandbox::User=root cloud-init
    for deb in "$1"/debs/*.deb; do dpkg-deb -x "$deb" "$1"; done`
  const fetched = await run('/bin/sh', ['-ec', script, 'sh', root])
  if (!fetched.ok) return `needs cloud-init, and apt-get cannot fetch it: ${fetched.output}`
  return {
    program: 'python3',
    args: ['-m', 'cloudinit.cmd.main'],
    env: { PYTHONPATH: join(root, 'usr/lib/python3/dist-packages') },
  }
}
