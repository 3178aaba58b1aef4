import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Configuration } from '@copr/contract/configuration'
import { importChroot } from '@copr/domain/chroots/chroot-queries'
import { freePort } from '@copr/domain/database/embedded-postgres'
import { createMachine } from '@copr/domain/machines/machines'
import { issueToken } from '@copr/domain/users/api-tokens'
import { createUser } from '@copr/domain/users/user-queries'
import { debianChroot } from '@copr/demo-distro/chroot'
import { makeDistro } from '@copr/demo-distro/make-distro'
import { openTestDb } from '../postgres.ts'
import { type ApiClient, apiClient } from './api-client.ts'
import { openTestProxy } from './test-proxy.ts'
import { CACHE_DIR } from './start-system.ts'
import { until } from './until.ts'

const COPRCTL = fileURLToPath(new URL('../../../cli/src/main.ts', import.meta.url))
const USERNAME = 'dana'
const STOP_MS = 15_000

/** A system with several backends whose components are separate processes, as in a cluster. No two processes share a folder. */
export interface Replicas extends AsyncDisposable {
  readonly url: string
  readonly api: ApiClient
  /** Kills a backend with SIGKILL, to simulate a power failure. */
  killBackend(index: number): Promise<void>
  startBackend(index: number): Promise<void>
  /** Returns the end of each component's output. */
  logs(): string
}

interface Program {
  child: ChildProcess
  log: string
}

export async function startReplicas(options: {
  backends: number
  results: Partial<Configuration['results']>
}): Promise<Replicas> {
  await using stack = new AsyncDisposableStack()
  const dir = mkdtempSync(join(tmpdir(), 'copr-replicas-'))
  stack.defer(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }))
  const { url: database_url, db } = stack.use(await openTestDb())
  const programs = new Map<string, Program>()
  stack.defer(() => endAll(programs))

  const backends = Array.from({ length: options.backends }, (_, index) => `backend-${index}`)
  const ports = new Map<string, number>()
  for (const name of ['proxy', 'keygen', 'frontend', 'distgit', 'builder', ...backends])
    ports.set(name, await freePort(0))
  const portOf = (name: string): number => ports.get(name) ?? 0
  const url = `http://127.0.0.1:${portOf('proxy')}`

  const start = async (name: string, env: Record<string, string> = {}): Promise<void> => {
    const [component = ''] = name.split('-')
    const data_dir = join(dir, name)
    mkdirSync(data_dir, { recursive: true })
    const config = join(dir, `${name}.json`)
    const components = { url, database_url, data_dir, port: portOf(name), keygen: portOf('keygen') }
    writeFileSync(
      config,
      JSON.stringify({ ...configuration(components), results: options.results }),
    )
    programs.set(name, spawnComponent(component, { config, log: join(dir, `${name}.log`), env }))
    if (component !== 'builder') await untilAnswering(portOf(name), programs.get(name))
  }

  const distro = await makeDistro({
    dir: join(CACHE_DIR, 'distro'),
    signal: AbortSignal.timeout(600_000),
    onProgress: () => undefined,
  })
  const now = new Date()
  await importChroot(db, await debianChroot(`file://${distro.repoDir}`), now)
  const { id } = await createUser(db, { username: USERNAME, is_admin: true, now })
  const credentials = await issueToken(db, id, { now, days: 1 })
  stack.use(
    await openTestProxy((path) => {
      if (/^\/(results|builder)(\/|$)/.test(path)) return backends.map(portOf)
      if (/^\/(git|lookaside|repo\/pkgs)(\/|$)/.test(path)) return [portOf('distgit')]
      return [portOf('frontend')]
    }, portOf('proxy')),
  )
  await start('keygen')
  await Promise.all([...backends, 'frontend'].map((name) => start(name)))
  await start('distgit')
  const { enroll_token } = await createMachine(db, { pool: 'manual', name: 'builder', now })
  await start('builder', { COPR_ENROLL_TOKEN: enroll_token })
  const ended = stack.move()
  return {
    url,
    api: apiClient(url, USERNAME, credentials),
    async killBackend(index) {
      const { child } = programs.get(`backend-${index}`) ?? {}
      if (!child) throw new Error(`No backend ${index}`)
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
    startBackend: (index) => start(`backend-${index}`),
    logs: () =>
      [...programs]
        .map(([name, { log }]) => `--- ${name}\n${readFileSync(log, 'utf8').slice(-2500)}`)
        .join('\n'),
    [Symbol.asyncDispose]: () => ended.disposeAsync(),
  }
}

function configuration(of: {
  url: string
  database_url: string
  data_dir: string
  port: number
  keygen: number
}) {
  return {
    public_url: of.url,
    listen: { host: '127.0.0.1', port: of.port },
    data_dir: of.data_dir,
    database_url: of.database_url,
    sign_domain: 'test.invalid',
    keygen: {
      url: `http://127.0.0.1:${of.keygen}`,
      secret: 'keygen-secret-of-this-test-only',
      master_key_file: join(of.data_dir, 'master-key'),
    },
    allow_private_urls: true,
    limits: { lease_seconds: 10 },
  }
}

function spawnComponent(
  component: string,
  { config, log, env }: { config: string; log: string; env: Record<string, string> },
): Program {
  const output = openSync(log, 'a')
  const child = spawn(process.execPath, [COPRCTL, 'run', component, '--config', config], {
    stdio: ['ignore', output, output],
    env: { ...process.env, ...env },
  })
  return { child, log }
}

async function untilAnswering(port: number, program: Program | undefined): Promise<void> {
  const answers = async (): Promise<boolean> => {
    if (program?.child.exitCode !== null)
      throw new Error(`It ended: ${readFileSync(program?.log ?? '', 'utf8').slice(-2000)}`)
    return await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    )
  }
  await until(answers, { timeout_ms: 120_000, what: `an answer at port ${port}` })
}

/** Stops the builder first: it requeues its task while the servers are still responding. */
async function endAll(programs: Map<string, Program>): Promise<void> {
  const order = [...programs].toReversed().map(([, { child }]) => child)
  for (const child of order) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await exit
    clearTimeout(timer)
  }
}
