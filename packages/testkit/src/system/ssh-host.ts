import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run, runOrThrow } from '@copr/process/run'
import { until } from './until.ts'

const SSHD = '/usr/sbin/sshd'
const BUILDER_DIR = '/var/lib/copr-builder'

/** A host with a network of its own that is reachable only over SSH. */
export interface SshHost extends AsyncDisposable {
  readonly address: string
  /** This machine's address on the host's network. */
  readonly gateway: string
  readonly port: number
  readonly key_file: string
  /** The directory that the host sees as /var/lib/copr-builder. */
  readonly builder_dir: string
  /** Returns sshd's log so far. */
  log(): string
  /** Returns the command lines of all processes on the host. */
  processes(): Promise<string>
}

/** Returns why this machine cannot run such a host; false if it can. */
export function whyNoSshHost(): string | false {
  return existsSync(SSHD) ? false : 'needs openssh-server'
}

/** Starts sshd in its own network, mount and PID namespaces. The addresses are unique to this test process. */
export async function startSshHost(): Promise<SshHost> {
  const dir = mkdtempSync(join(tmpdir(), 'copr-ssh-'))
  const name = `copr${process.pid % 100_000}`
  const net = `10.${200 + (process.pid % 50)}.${Math.floor(process.pid / 50) % 250}`
  const [gateway, address] = [`${net}.1`, `${net}.2`]
  const hold = new AsyncDisposableStack()
  hold.defer(() => rmSync(dir, { recursive: true, force: true }))
  try {
    const ip = (...args: string[]): Promise<string> => runOrThrow('ip', args)
    await ip('netns', 'add', name)
    hold.defer(async () => void (await run('ip', ['netns', 'delete', name])))
    await ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    hold.defer(async () => void (await run('ip', ['link', 'delete', name])))
    await ip('address', 'add', `${gateway}/30`, 'dev', name)
    await ip('link', 'set', name, 'up')
    for (const args of [
      ['address', 'add', `${address}/30`, 'dev', 'eth0'],
      ['link', 'set', 'eth0', 'up'],
      ['link', 'set', 'lo', 'up'],
    ])
      await ip('-n', name, ...args)
    const key_file = await makeKeys(dir)
    const builder_dir = join(dir, 'builder')
    mkdirSync(builder_dir)
    if (!existsSync(BUILDER_DIR)) {
      mkdirSync(BUILDER_DIR)
      hold.defer(() => rmdirSync(BUILDER_DIR))
    }
    mkdirSync('/run/sshd', { recursive: true })
    const sshd = startSshd(dir, name, builder_dir)
    hold.defer(() => ended(sshd))
    const log = (): string => readFileSync(join(dir, 'sshd.log'), 'utf8')
    await until(() => log().includes('Server listening'), {
      timeout_ms: 10_000,
      what: 'sshd to listen',
      seen: log,
    })
    const port = 22
    const processes = (): Promise<string> =>
      runOrThrow('sh', [
        '-c',
        `for p in $(ip netns pids ${name}); do tr '\\0' ' ' </proc/$p/cmdline; echo; done`,
      ])
    return {
      address,
      gateway,
      port,
      key_file,
      builder_dir,
      log,
      processes,
      [Symbol.asyncDispose]: () => hold.disposeAsync(),
    }
  } catch (error) {
    await hold.disposeAsync()
    throw error
  }
}

async function makeKeys(dir: string): Promise<string> {
  for (const name of ['host', 'user'])
    await runOrThrow('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, name)])
  writeFileSync(
    join(dir, 'sshd_config'),
    [
      'Port 22',
      `HostKey ${join(dir, 'host')}`,
      `AuthorizedKeysFile ${join(dir, 'user.pub')}`,
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'UsePAM no',
      // The test's folder does not have the permissions of a home directory.
      'StrictModes no',
      'PidFile none',
    ].join('\n'),
  )
  return join(dir, 'user')
}

function startSshd(dir: string, name: string, builder_dir: string): ChildProcess {
  const script = `mount --bind "$1" ${BUILDER_DIR} && mount -t proc proc /proc && exec ${SSHD} -D -E "$2" -f "$3"`
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child=KILL']
  const args = [builder_dir, join(dir, 'sshd.log'), join(dir, 'sshd_config')]
  writeFileSync(join(dir, 'sshd.log'), '')
  // `ip netns exec` would mount a new /sys that hides the cgroups that builds need.
  return spawn(
    'nsenter',
    [`--net=/run/netns/${name}`, 'unshare', ...namespaces, 'sh', '-c', script, 'sh', ...args],
    { stdio: 'inherit' },
  )
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}
