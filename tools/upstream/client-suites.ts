/**
 * Runs upstream's shell tests and features against a separate system: `node client-suites.ts CHECKOUT DIR PROGRAMS DISTRO [NAME...]`,
 * within `unshare --mount --net --pid`, where the loopback device is the only one. Data, logs and outcomes.json are written to DIR.
 */
import { spawn } from 'node:child_process'
import { existsSync, openSync, symlinkSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getCACertificates } from 'node:tls'
import { freePort } from '@copr/domain/database/embedded-postgres'
import { runOrThrow } from '@copr/process/run'
import { makeAuthority } from '@copr/testkit/cluster/certificates'
import { COPRCTL } from '@copr/testkit/system/start-system'
import { packageIndexes } from '@copr/testkit/sources/package-indexes'
import { until } from '@copr/testkit/system/until'
import { parse } from 'yaml'
import { upstreamChroots } from './chroots.ts'
import { type ClientMachine, makeClientMachine } from './client-machine.ts'
import { followFailures } from './follow-failures.ts'
import { committedList, type ListedTest, type Suite } from './list.ts'
import { runFeatures } from './run-features.ts'
import { runScripts } from './run-scripts.ts'
import { makeExtras } from './stand-ins/make-extras.ts'
import { makeStandIns } from './stand-ins/make-stand-ins.ts'
import { serveStandIns } from './stand-ins/serve-stand-ins.ts'

/** The host name by which clients reach the site; upstream's tests refuse to run against a site whose URL does not contain `frontend`. */
const SITE = 'frontend'
const URL_OF_SITE = `http://${SITE}`
/** The address of the stand-ins. It is from a range reserved for documentation, and exists only in this network namespace. */
const STAND_INS = '192.0.2.1'
const PYPI = 'pypi.org'
/** A request without a version gets the last one listed here. */
const PYTHON_PROJECTS = [
  { name: 'motionpaint', version: '1.4' },
  { name: 'motionpaint', version: '1.52' },
  { name: 'pyp2spec', version: '0.10.0' },
]
const HOSTS = [
  PYPI,
  'github.com',
  'raw.githubusercontent.com',
  'src.fedoraproject.org',
  'git.centos.org',
  'gitlab.com',
  'praiskup.fedorapeople.org',
]
const BUILDERS = 2
const START_MS = 300_000
/** Number of scripts that run concurrently. It exceeds the number of builders, because scripts sleep for minutes. */
const AT_ONCE = 3

const [checkout = '', dir = '', programs = '', distro = '', ...only] = process.argv.slice(2)
const say = (line: string): void => void process.stdout.write(`${line}\n`)

await makeNetwork()
const tls = await makeCertificates()
const standIns = join(dir, 'stand-ins')
await makeStandIns(standIns)
await makeExtras(join(dir, 'extras'))
const indexes = packageIndexes()
for (const project of PYTHON_PROJECTS) await indexes.addProject(project)
const programsOf = { [PYPI]: indexes.listener }
await serveStandIns({ dir: standIns, address: STAND_INS, hosts: HOSTS, programs: programsOf, tls })
const config = await startSite()
const machine = await makeClient(config)
const outcomes = await runSuites(machine)
await writeFile(join(dir, 'outcomes.json'), JSON.stringify(outcomes))
// The kernel then kills all other processes in the PID namespace.
process.exit(0)

async function makeNetwork(): Promise<void> {
  const ip = async (...args: string[]): Promise<void> => void (await runOrThrow('ip', args))
  await ip('link', 'set', 'lo', 'up')
  // The address is added without a network (/32), because sandboxes have no access to the machine's networks.
  await ip('addr', 'add', `${STAND_INS}/32`, 'dev', 'lo')
  await writeFile(join(dir, 'hosts'), hostsFile())
  await writeFile(join(dir, 'resolv.conf'), resolvConf())
  await runOrThrow('mount', ['--bind', join(dir, 'hosts'), '/etc/hosts'])
  await runOrThrow('mount', ['--bind', join(dir, 'resolv.conf'), '/etc/resolv.conf'])
}

function hostsFile(): string {
  return [`127.0.0.1 localhost ${SITE}`, `${STAND_INS} ${HOSTS.join(' ')}`, ''].join('\n')
}

function resolvConf(): string {
  return `nameserver ${STAND_INS}\n`
}

async function makeCertificates(): Promise<{ cert: string; key: string }> {
  const authority = await makeAuthority(dir, 'stand-ins-authority')
  const { certFile, keyFile } = await authority.forServer('stand-ins-server', HOSTS)
  const all = [authority.cert, ...getCACertificates('default')]
  await writeFile(join(dir, 'certificates.pem'), `${all.join('\n')}\n`)
  return { cert: certFile, key: keyFile }
}

/** Starts the site; returns the path of the administrator's copr-cli configuration. */
async function startSite(): Promise<string> {
  const data = join(dir, 'data')
  await mkdir(data, { recursive: true })
  symlinkSync(distro, join(data, 'distro'))
  await writeConfiguration(data)
  const ready = join(data, 'ready.json')
  const listen = ['--host', '127.0.0.1', '--port', '80', '--public-url', URL_OF_SITE]
  const more = ['--no-example', '--builders', String(BUILDERS), '--ready-file', ready]
  const log = openSync(join(dir, 'up.log'), 'a')
  const child = spawn(process.execPath, [COPRCTL, 'up', '--data-dir', data, ...listen, ...more], {
    stdio: ['ignore', log, log],
    env: { ...process.env, NODE_EXTRA_CA_CERTS: join(dir, 'stand-ins-authority.crt') },
  })
  await until(() => child.exitCode !== null || existsSync(ready), {
    timeout_ms: START_MS,
    what: 'the system to be ready',
  })
  if (child.exitCode !== null) throw new Error(`The system did not start: see ${dir}/up.log`)
  const { config } = JSON.parse(await readFile(ready, 'utf8')) as { config: string }
  const copr_yaml = parse(await readFile(join(data, 'copr.yaml'), 'utf8')) as {
    database_url: string
  }
  await mkdir(join(dir, 'logs'), { recursive: true })
  void followFailures(copr_yaml.database_url, join(dir, 'logs/failed-builds.log'))
  const coprctl = async (...args: string[]): Promise<string> =>
    await runOrThrow(process.execPath, [COPRCTL, ...args, '--config', join(data, 'copr.yaml')])
  const user = /^username = (.+)$/m.exec(await readFile(config, 'utf8'))?.[1] ?? ''
  await coprctl('group', 'add', '@copr')
  await coprctl('group', 'join', '@copr', user)
  const chroots = await upstreamChroots(`file://${distro}/repo`, `file://${dir}/extras`)
  // JSON is valid YAML.
  await writeFile(join(dir, 'chroots.yaml'), JSON.stringify(chroots))
  await coprctl('chroot', 'add', join(dir, 'chroots.yaml'))
  return config
}

/** Writes the configuration that the first start would write, and allows builds to reach the stand-ins. */
async function writeConfiguration(data: string): Promise<void> {
  const config = {
    public_url: URL_OF_SITE,
    listen: { host: '127.0.0.1', port: 80 },
    data_dir: data,
    database_url: `postgres://copr:of-this-test-only@127.0.0.1:${await freePort(0)}/copr`,
    sign_domain: 'test.invalid',
    keygen: {
      url: `http://127.0.0.1:${await freePort(0)}`,
      secret: 'keygen-secret-of-this-test-only',
      master_key_file: join(data, 'keygen-master-key'),
    },
    local_builders: BUILDERS,
    // Builds can reach addresses of their own machine only if these addresses are listed; `true` does not include them.
    allow_private_urls: [`${STAND_INS}/32`, '127.0.0.0/8'],
    sources: { pypi_index: `http://${PYPI}` },
  }
  // JSON is valid YAML.
  await writeFile(join(data, 'copr.yaml'), JSON.stringify(config), { mode: 0o600 })
}

async function makeClient(configuration: string): Promise<ClientMachine> {
  // The file contains the address on which `up` listens, but clients must use the public URL.
  const text = await readFile(configuration, 'utf8')
  const file = join(dir, 'client.conf')
  await writeFile(file, text.replace(/^copr_url = .*$/m, `copr_url = ${URL_OF_SITE}`))
  return await makeClientMachine({
    dir: join(dir, 'client'),
    url: URL_OF_SITE,
    config: file,
    repository: `file://${distro}/repo`,
    programs,
    certificates: join(dir, 'certificates.pem'),
    hosts: hostsFile(),
    resolv_conf: resolvConf(),
  })
}

async function runSuites(client: ClientMachine) {
  const env = {
    FRONTEND_URL: URL_OF_SITE,
    BACKEND_URL: URL_OF_SITE,
    DISTGIT_URL: `${URL_OF_SITE}/git`,
    VENDOR: 'Copr - group @copr',
  }
  const context = { checkout, machine: client, env, logs: join(dir, 'logs'), say }
  const scripts = filesOf('shell').map((name) => name.replace(/:\d+$/, ''))
  const features = filesOf('behave').map((name) => name.replace(/:.*/, ''))
  const found = await runScripts([...new Set(scripts)], AT_ONCE, context)
  if (features.length > 0) found.push(...(await runFeatures([...new Set(features)], context)))
  return found
}

/** Returns the names of the tests that count; if there are names on the command line, only tests whose names contain one of them. */
function filesOf(suite: Suite): string[] {
  const counts = (test: ListedTest): boolean => test.suite === suite && test.reason === undefined
  const isWanted = (name: string): boolean =>
    only.length === 0 || only.some((each) => name.includes(each))
  return committedList()
    .filter(counts)
    .map(({ name }) => name)
    .filter(isWanted)
}
