import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '@copr/domain/database/embedded-postgres'
import { run, type RunOutcome, runOrThrow } from '@copr/process/run'
import { serveFolder } from '@copr/testkit/cluster/nodes/folder-server'
import { debianChroot, DISTRO_CHROOT } from '@copr/demo-distro/chroot'
import { makeDistro } from '@copr/demo-distro/make-distro'
import { makeExampleSrpm } from '@copr/demo-distro/example/example'
import { whyNoContainers } from '@copr/testkit/system/containers'
import { logInByLink } from '@copr/testkit/system/log-in'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { scratchRoot } from '@copr/testkit/system/scratch-root'
import { CACHE_DIR } from '@copr/testkit/system/start-system'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const LOCK = join(ROOT, 'images/images.lock.yaml')
const NAME = `copr-test-${process.pid}`
const skip =
  whyNoSystem(process.env['PATH']) ||
  (existsSync(LOCK)
    ? await whyNoContainers('localhost/copr-server:latest')
    : 'needs images: make images')

suite('coprctl containers', { skip }, () => {
  let dir: string
  // No podman configuration, because `coprctl containers up` detects what the machine needs.
  const env = (): Record<string, string> => ({ HOME: process.env['HOME'] ?? '/root' })
  const podman = async (...args: string[]): Promise<string> =>
    await runOrThrow('podman', args, { env: env(), answer_only: true })
  const coprctl = async (vars: object, ...args: string[]): Promise<RunOutcome> => {
    writeFileSync(join(dir, 'vars.yml'), JSON.stringify({ name: NAME, ...vars }))
    const main = join(ROOT, 'packages/cli/src/main.ts')
    const command = [main, 'containers', ...args, '--vars', join(dir, 'vars.yml')]
    return await run(process.execPath, command, { env: env(), answer_only: true })
  }
  /** Runs a command that must succeed; returns its JSON output. */
  const answer = async <T>(...args: string[]): Promise<T> => {
    const outcome = await coprctl({}, ...args, '--json')
    assert.ok(outcome.ok, `${outcome.output}\n${await whatRuns(podman)}`)
    return JSON.parse(outcome.output) as T
  }

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'copr-containers-'))
  })
  after(async () => {
    await coprctl({}, 'down', '--volumes')
    rmSync(dir, { recursive: true, force: true })
  })

  test('`up` reports a missing Secret before it starts anything, and suggests the option --secrets', async () => {
    const oidc = {
      issuer: 'https://id.example.org',
      client_id: 'copr',
      client_secret: { secret: 'provider', key: 'value' },
    }
    const outcome = await coprctl({ login: { oidc } }, 'up')
    assert.ok(!outcome.ok)
    assert.match(
      outcome.output,
      /Cannot find value of the Secret provider, which vars.yml names\n {4}try: --secrets FILE/,
    )
    assert.equal(
      await podman('pod', 'ps', '--quiet', '--filter', `label=copr/instance=${NAME}`),
      '',
    )
  })

  test('`up` starts a system that allows logins, builds and publishes; a second `up` changes nothing; `down` keeps only data', async (t) => {
    const port = await freePort(0)
    const up = ['up', '--port', String(port), '--host', '127.0.0.1', '--builders', '1']
    type Up = { url: string; administrator_url?: string; changes: number }
    const first = await answer<Up>(...up)
    assert.equal(first.url, `http://localhost:${port}`)
    assert.ok(first.administrator_url)

    const api = await logInByLink(first.administrator_url, {
      url: first.url,
      password: 'of this test only',
    })
    const distro = await makeDistro({
      dir: join(CACHE_DIR, 'distro'),
      signal: AbortSignal.timeout(600_000),
      onProgress: () => undefined,
    })
    const [network] = JSON.parse(await podman('network', 'inspect', NAME)) as {
      subnets: { gateway: string }[]
    }[]
    await using mirror = await serveFolder(distro.repoDir, network?.subnets[0]?.gateway ?? '')
    const chroot = JSON.stringify(await debianChroot(mirror.url))
    const inServers = [
      'exec',
      '--interactive',
      `${NAME}-servers-frontend`,
      '/usr/local/bin/coprctl',
    ]
    const config = ['--config', '/etc/copr/config/copr.yaml']
    await runOrThrow('podman', [...inServers, 'chroot', 'add', '/dev/stdin', ...config], {
      env: env(),
      input: chroot,
    })
    await api.createProject('hello', { chroots: [DISTRO_CHROOT] })
    const { id } = await api.uploadBuild('hello', await makeExampleSrpm(CACHE_DIR))
    const { state } = await api.waitForBuild(id, 600_000)
    assert.equal(state, 'succeeded', `${await api.log(id)}\n${await whatRuns(podman)}`)
    using root = await scratchRoot({ url: first.url, api }, 'hello')
    await root.install('hello-copr')
    t.diagnostic((await root.run('/usr/bin/hello-copr')).trim())

    const pods = async (): Promise<string> =>
      await podman(
        'pod',
        'ps',
        '--format',
        '{{.Id}} {{.Name}}',
        '--filter',
        `label=copr/instance=${NAME}`,
      )
    const before = await pods()
    const { changes, administrator_url } = await answer<Up>(...up)
    assert.deepEqual(
      { changes, administrator_url, pods: await pods() },
      { changes: 0, administrator_url: undefined, pods: before },
    )

    const down = await coprctl({}, 'down')
    assert.ok(down.ok, down.output)
    assert.deepEqual(await leftOf(podman), {
      pods: [],
      networks: [],
      data: [`${NAME}-database`, `${NAME}-results`, `${NAME}-sources`],
    })
    const removed = await coprctl({}, 'down', '--volumes')
    assert.ok(removed.ok, removed.output)
    assert.deepEqual(await leftOf(podman), { pods: [], networks: [], data: [] })
  })
})

type PodmanCommand = (...args: string[]) => Promise<string>

/** Returns the pods, networks and volumes of this test, except the volumes for Secrets and ConfigMaps. */
async function leftOf(podman: PodmanCommand): Promise<object> {
  const ours = async (...args: string[]): Promise<string[]> =>
    (await podman(...args))
      .split('\n')
      .filter((name) => name.startsWith(NAME))
      .toSorted()
  const volumes = await ours('volume', 'ls', '--format', '{{.Name}}')
  return {
    pods: await ours('pod', 'ps', '--format', '{{.Name}}'),
    networks: await ours('network', 'ls', '--format', '{{.Name}}'),
    data: volumes.filter((name) => !/-(secret|configmap)-/.test(name)),
  }
}

/** Returns the state of the pods, for diagnosing a failure. */
async function whatRuns(podman: PodmanCommand): Promise<string> {
  const filter = ['--all', '--filter', `label=copr/instance=${NAME}`]
  const said = await podman('ps', ...filter, '--format', '{{.Names}}')
  const names = said.split('\n').filter((name) => name !== '')
  const logs = names.map(async (name) => `${name}:\n${await podman('logs', '--tail', '8', name)}`)
  return [await podman('ps', ...filter), ...(await Promise.all(logs))].join('\n')
}
