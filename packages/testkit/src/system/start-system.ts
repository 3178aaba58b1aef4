import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Configuration } from '@copr/contract/configuration'
import { freePort } from '@copr/domain/database/embedded-postgres'
import { type ApiClient, apiClient, type Credentials } from './api-client.ts'
import { assertNothingLeft } from './leftovers.ts'
import { findComponent, type ComponentToFind } from './processes.ts'
import { until } from './until.ts'

/** Cache for files that are expensive to make and identical for every system, such as the mini distribution and the samples. */
export const CACHE_DIR = '/var/tmp/copr-test-cache'
export const COPRCTL = fileURLToPath(new URL('../../../cli/src/main.ts', import.meta.url))
/** Maximum duration of a start, in milliseconds. The first start on a machine also builds the mini distribution. */
const START_MS = 300_000
const STOP_MS = 10_000

export interface SystemOptions {
  builders: number
  /** Limits that differ from the defaults. */
  limits?: Partial<Configuration['limits']>
  /** Package indexes to use instead of the public ones. */
  sources?: Configuration['sources']
  /** Default: true, which still gives the sandboxes of builds no access to this machine's own addresses. */
  allow_private_urls?: Configuration['allow_private_urls']
  /** The address to listen on; default: loopback only. */
  host?: string
  /** The address at which machines reach the system, if it differs from the one that the test uses. */
  address?: string
  /** The initial pools of machines; `setPools` replaces them. */
  pools?: Record<string, object>
  /** The message broker and the mail server to which events are sent. */
  events?: Pick<Configuration, 'amqp' | 'mail'>
}

/** A whole system, started in the same way as a user starts it. */
export interface System {
  readonly dataDir: string
  readonly port: number
  readonly url: string
  /** The public URL, as the system reports it. */
  readonly publicUrl: string
  readonly databaseUrl: string
  /** Writes a different pools file; resalloc reloads it within seconds. */
  setPools(pools: Record<string, object>): void
  /** An API client with the administrator's credentials. */
  readonly api: ApiClient
  readonly credentials: Credentials
  /** Seconds that the most recent start took, from the command until the ready file existed. */
  readonly startSeconds: number
  /** The process ID of `coprctl up`. */
  readonly pid: number
  /** The process ID of a component, or of the agent with this number. */
  pidOf(component: ComponentToFind, index?: number): number
  /** Starts the system again with the same folder and port after it was stopped or killed. */
  start(): Promise<void>
  /** Waits until a process that a test has killed no longer exists. */
  ended(): Promise<void>
  /**
   * Sends SIGTERM and waits for the exit. Throws if this takes longer than 10 s or if anything is left behind. Returns the seconds that it
   * took.
   */
  stop(): Promise<number>
  /** Returns the last lines of the components' logs. */
  logs(): string
  /** Stops the system and deletes its folder. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts `coprctl up` with a new folder; throws an error with the reason if it does not start. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const dataDir = mkdtempSync(join(tmpdir(), 'copr-system-'))
  const port = await freePort(0)
  mkdirSync(join(CACHE_DIR, 'distro'), { recursive: true })
  symlinkSync(join(CACHE_DIR, 'distro'), join(dataDir, 'distro'))
  if (options.pools) writePools(dataDir, options.pools)
  if (
    options.limits ||
    options.sources ||
    options.events ||
    options.address !== undefined ||
    options.pools
  )
    await writeConfiguration(dataDir, port, options)
  const system = new RunningSystem(dataDir, port, options)
  try {
    await system.start()
  } catch (error) {
    await system[Symbol.asyncDispose]().catch(() => undefined)
    throw error
  }
  return system
}

/** Writes the configuration that the first start would write, with the given options. */
async function writeConfiguration(
  dataDir: string,
  port: number,
  {
    limits,
    sources,
    events,
    allow_private_urls = true,
    builders,
    host = '127.0.0.1',
    address,
    pools,
  }: SystemOptions,
): Promise<void> {
  const config = {
    public_url: `http://127.0.0.1:${port}`,
    ...(address === undefined ? {} : { internal_url: `http://${address}:${port}` }),
    listen: { host, port },
    data_dir: dataDir,
    database_url: `postgres://copr:of-this-test-only@127.0.0.1:${await freePort(0)}/copr`,
    sign_domain: 'test.invalid',
    keygen: {
      url: `http://127.0.0.1:${await freePort(0)}`,
      secret: 'keygen-secret-of-this-test-only',
      master_key_file: join(dataDir, 'keygen-master-key'),
    },
    local_builders: builders,
    allow_private_urls,
    ...events,
    ...(limits && { limits }),
    ...(sources && { sources }),
    ...(pools && { pools_file: poolsFileIn(dataDir) }),
  }
  // JSON is valid YAML.
  writeFileSync(join(dataDir, 'copr.yaml'), JSON.stringify(config), { mode: 0o600 })
}

/** Returns the database URL in a system's configuration, which is YAML or JSON. */
export function databaseUrlIn(dataDir: string): string {
  const text = readFileSync(join(dataDir, 'copr.yaml'), 'utf8')
  const url = /"?database_url"?: ?"?(postgres:[^"\s]+)/.exec(text)?.[1]
  if (url === undefined) throw new Error(`Cannot read the database of ${dataDir}`)
  return url
}

const poolsFileIn = (dataDir: string): string => join(dataDir, 'pools.yaml')

/** Writes the file atomically, because resalloc may read it at any time. */
function writePools(dataDir: string, pools: Record<string, object>): void {
  const path = poolsFileIn(dataDir)
  writeFileSync(`${path}.new`, JSON.stringify(pools))
  renameSync(`${path}.new`, path)
}

class RunningSystem implements System {
  readonly dataDir: string
  readonly port: number
  readonly url: string
  publicUrl = ''
  startSeconds = 0
  readonly #builders: number
  readonly #host: string
  #child: ChildProcess | undefined
  #output = ''
  #client: { api: ApiClient; credentials: Credentials } | undefined

  constructor(dataDir: string, port: number, { builders, host = '127.0.0.1' }: SystemOptions) {
    this.#host = host
    this.dataDir = dataDir
    this.port = port
    this.url = `http://127.0.0.1:${port}`
    this.#builders = builders
  }

  get databaseUrl(): string {
    return databaseUrlIn(this.dataDir)
  }

  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error('The system is not running')
    return pid
  }

  get api(): ApiClient {
    return this.#connected.api
  }

  get credentials(): Credentials {
    return this.#connected.credentials
  }

  get #connected(): { api: ApiClient; credentials: Credentials } {
    if (!this.#client) throw new Error('The system was never ready')
    return this.#client
  }

  async start(): Promise<void> {
    const began = performance.now()
    const readyFile = join(this.dataDir, 'ready.json')
    rmSync(readyFile, { force: true })
    const args = [
      'up',
      '--data-dir',
      this.dataDir,
      '--port',
      String(this.port),
      '--host',
      this.#host,
    ]
    const more = ['--no-example', '--ready-file', readyFile, '--builders', String(this.#builders)]
    const child = spawn(process.execPath, [COPRCTL, ...args, ...more], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    const keep = (chunk: Buffer): void => {
      this.#output = `${this.#output}${chunk.toString()}`.slice(-20_000)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    await until(
      () => {
        if (hasEnded(child))
          throw new Error(`coprctl up ended before it was ready:\n${this.#output}${this.logs()}`)
        return existsSync(readyFile)
      },
      {
        timeout_ms: START_MS,
        what: 'the system to be ready',
        seen: () => this.#output.slice(-2000),
      },
    )
    this.startSeconds = (performance.now() - began) / 1000
    const { url, config } = JSON.parse(readFileSync(readyFile, 'utf8')) as {
      url: string
      config: string
    }
    this.publicUrl = url
    const { username, ...credentials } = readClientConfig(config)
    this.#client = { api: apiClient(url, username, credentials), credentials }
  }

  pidOf(component: ComponentToFind, index = 0): number {
    const pid = findComponent(component, this.dataDir)[index]
    if (pid === undefined)
      throw new Error(`Cannot find a process of ${component} on ${this.dataDir}`)
    return pid
  }

  setPools(pools: Record<string, object>): void {
    writePools(this.dataDir, pools)
  }

  async ended(): Promise<void> {
    const child = this.#child
    if (child && !hasEnded(child)) await once(child, 'exit')
  }

  async stop(): Promise<number> {
    const child = this.#child
    const began = performance.now()
    if (child && !hasEnded(child)) {
      const exit = once(child, 'exit')
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      const [code, signal] = (await exit) as [number | null, string | null]
      clearTimeout(timer)
      if (signal === 'SIGKILL')
        throw new Error(`coprctl up did not stop within ${STOP_MS / 1000} s:\n${this.logs()}`)
      if (code !== 0)
        throw new Error(
          `coprctl up ended with ${code ?? signal} when it was stopped:\n${this.#output}${this.logs()}`,
        )
    }
    const seconds = (performance.now() - began) / 1000
    await assertNothingLeft(this.dataDir, this.port)
    return seconds
  }

  logs(): string {
    const names = [
      'copr.log',
      'keygen.log',
      'postgres.log',
      ...Array.from({ length: this.#builders }, (_, index) => `builder-${index + 1}.log`),
    ]
    return names
      .map((name) => join(this.dataDir, 'logs', name))
      .filter((path) => existsSync(path))
      .map((path) => `--- ${path}\n${readFileSync(path, 'utf8').slice(-3000)}`)
      .join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop()
    } finally {
      rmSync(this.dataDir, { recursive: true, force: true })
    }
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

function readClientConfig(path: string): Credentials & { username: string } {
  const text = readFileSync(path, 'utf8')
  const value = (key: string): string => new RegExp(`^${key} = (.+)$`, 'm').exec(text)?.[1] ?? ''
  return { login: value('login'), token: value('token'), username: value('username') }
}
