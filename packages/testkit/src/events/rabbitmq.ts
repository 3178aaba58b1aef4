import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@copr/domain/database/embedded-postgres'
import { type Authority, makeAuthority } from '../cluster/certificates.ts'
import { type Daemon, startDaemon } from '../cluster/daemon.ts'
import { missingPrograms } from '../system/requirements.ts'
import { until } from '../system/until.ts'

/** The broker's own script. Debian's launcher in /usr/sbin would change the user and the directory. */
const PROGRAM = '/usr/lib/rabbitmq/bin/rabbitmq-server'
/** Long enough even on a machine whose cores are busy. */
const START_MS = 240_000

/** Returns why RabbitMQ cannot run on this machine; false if it can. */
export function whyNoRabbitmq(path: string | undefined): string | false {
  const folders = `${path ?? ''}:/usr/sbin:/usr/lib/rabbitmq/bin`
  const missing = missingPrograms(folders, ['rabbitmq-server', 'epmd', 'openssl', 'setpriv'])
  return missing.length > 0 ? `needs ${missing.join(', ')}` : false
}

/** A message broker with TLS, to which clients log in with certificates. Its queues survive a restart. */
export interface Rabbitmq extends AsyncDisposable {
  /** Contains no user, because clients log in with their certificates. */
  readonly url: string
  readonly ca_file: string
  /** Returns the certificate files of a user: `copr` may only publish, `listener` may do everything. */
  certificateOf: (user: 'copr' | 'listener') => { certificate_file: string; key_file: string }
  /** Kills the broker. */
  stop(): Promise<void>
  start(): Promise<void>
}

export async function startRabbitmq(): Promise<Rabbitmq> {
  const dir = mkdtempSync(join(tmpdir(), 'copr-rabbitmq-'))
  for (const name of ['data', 'log', 'home']) mkdirSync(join(dir, name))
  const authority = await makeAuthority(dir, 'ca')
  await authority.forServer('server', ['localhost', '127.0.0.1'])
  for (const user of ['copr', 'listener']) await authority.forUser(user, user, [])
  const ports = { tls: await freePort(0), distribution: await freePort(0), epmd: await freePort(0) }
  writeConfiguration(dir, ports, authority)
  const logFile = join(dir, 'output.log')
  const epmd = startDaemon({
    name: 'epmd',
    command: 'epmd',
    args: ['-port', String(ports.epmd), '-address', '127.0.0.1'],
    logFile,
  })
  let broker: Daemon | undefined

  async function start(): Promise<void> {
    broker = startBroker(dir, ports, logFile)
    const what = 'RabbitMQ to listen'
    await until(
      async () => {
        broker?.check()
        return await isListening(ports.tls)
      },
      { timeout_ms: START_MS, what, every_ms: 200 },
    )
  }

  async function stop(): Promise<void> {
    await broker?.stop()
    await until(async () => !(await isListening(ports.tls)), {
      timeout_ms: 10_000,
      what: 'RabbitMQ to end',
    })
  }

  const rabbitmq: Rabbitmq = {
    url: `amqps://localhost:${ports.tls}/%2f`,
    ca_file: authority.certFile,
    certificateOf: (user) => ({
      certificate_file: join(dir, `${user}.crt`),
      key_file: join(dir, `${user}.key`),
    }),
    start,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop()
      await epmd.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
  try {
    await start()
  } catch (error) {
    await rabbitmq[Symbol.asyncDispose]()
    throw error
  }
  return rabbitmq
}

interface Ports {
  tls: number
  distribution: number
  epmd: number
}

function startBroker(dir: string, ports: Ports, logFile: string): Daemon {
  return startDaemon({
    name: 'rabbitmq-server',
    command: PROGRAM,
    args: ['-noinput'],
    logFile,
    env: {
      // With this setting, the launcher replaces itself with the broker instead of waiting for it.
      RABBITMQ_ALLOW_INPUT: '1',
      HOME: join(dir, 'home'),
      ERL_EPMD_PORT: String(ports.epmd),
      RABBITMQ_NODENAME: `test-${ports.tls}@localhost`,
      RABBITMQ_DIST_PORT: String(ports.distribution),
      RABBITMQ_MNESIA_BASE: join(dir, 'data'),
      RABBITMQ_LOG_BASE: join(dir, 'log'),
      RABBITMQ_CONF_ENV_FILE: '/nonexistent',
      RABBITMQ_CONFIG_FILE: join(dir, 'rabbitmq.conf'),
      RABBITMQ_ADVANCED_CONFIG_FILE: join(dir, 'advanced.config'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(dir, 'enabled_plugins'),
    },
  })
}

function writeConfiguration(dir: string, { tls }: Ports, { certFile }: Authority): void {
  const lines = [
    'listeners.tcp = none',
    `listeners.ssl.1 = 127.0.0.1:${tls}`,
    `ssl_options.cacertfile = ${certFile}`,
    `ssl_options.certfile = ${join(dir, 'server.crt')}`,
    `ssl_options.keyfile = ${join(dir, 'server.key')}`,
    'ssl_options.verify = verify_peer',
    'ssl_options.fail_if_no_peer_cert = true',
    'auth_mechanisms.1 = EXTERNAL',
    'ssl_cert_login_from = common_name',
    `load_definitions = ${join(dir, 'definitions.json')}`,
  ]
  writeFileSync(join(dir, 'rabbitmq.conf'), `${lines.join('\n')}\n`)
  writeFileSync(join(dir, 'advanced.config'), '[].\n')
  writeFileSync(join(dir, 'enabled_plugins'), '[rabbitmq_auth_mechanism_ssl].\n')
  const user = (name: string): object => ({ name, password_hash: '', tags: '', limits: {} })
  const permission = (name: string, configure: string, write: string, read: string): object => ({
    user: name,
    vhost: '/',
    configure,
    write,
    read,
  })
  const definitions = {
    vhosts: [{ name: '/' }],
    users: [user('copr'), user('listener')],
    permissions: [
      permission('copr', '^$', String.raw`^amq\.topic$`, '^$'),
      permission('listener', '.*', '.*', '.*'),
    ],
  }
  writeFileSync(join(dir, 'definitions.json'), JSON.stringify(definitions))
}

async function isListening(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
