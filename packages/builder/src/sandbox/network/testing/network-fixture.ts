import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { runOrThrow } from '@copr/process/run'

/** The program is passed as text, because a user in the sandbox may be unable to read this folder. */
const ATTEMPTS = readFileSync(new URL('attempts.py', import.meta.url), 'utf8')

/** First host ID of the sandbox's user namespace, and the user ID of slirp4netns. */
const FIRST_ID = 1_700_000_000
export const SLIRP_ID = 1_699_999_999

/**
 * Addresses of another machine on the same link as this one. The public addresses belong to a service that answers reverse lookups of
 * private addresses (RFC 7534, RFC 7535); nothing else on this machine connects to them.
 */
export const PEER = {
  public4: '192.31.196.2',
  public6: '2620:4f:8000::2',
  private10: '10.213.77.2',
  private172: '172.29.77.2',
  private192: '192.168.213.2',
  shared: '100.99.77.2',
  metadata: '169.254.169.254',
  documentation: '203.0.113.77',
  unique_local: 'fd77:1234::2',
}
/** This machine's own addresses on the link. */
export const HOST = { public4: '192.31.196.1', public6: '2620:4f:8000::1' }
export const PORT = 64_123

type Child = ChildProcessByStdio<Writable, Readable, Readable>

/** Starts a program that prints a line when it is ready, and ends when its input does. */
async function start(command: string, args: string[]): Promise<Child & AsyncDisposable> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.stdout.once('data', () => resolve())
    child.stderr.once('data', (words: Buffer) => reject(new Error(words.toString())))
  })
  return Object.assign(child, {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  })
}

export interface Machines extends AsyncDisposable {
  /** A file that lists the private address of the other machine as the name server. */
  name_servers_file: string
  dir: string
}

/** Connects this machine to another one (a network namespace with a server), and starts the same server on this machine. */
export async function connectMachines(): Promise<Machines> {
  await using stack = new AsyncDisposableStack()
  const dir = await mkdtemp(join(tmpdir(), 'copr-network-test-'))
  stack.defer(() => rm(dir, { recursive: true, force: true }))
  const holder = ['--net', '/bin/sh', '-c', 'echo ready; exec cat']
  const peer = stack.use(await start('unshare', holder))
  const device = `copr-${process.pid}`
  // The device is removed together with the other machine's network namespace.
  await ip(`link add ${device} type veth peer name eth0 netns ${peer.pid}
addr add ${HOST.public4}/30 dev ${device}
addr add ${HOST.public6}/64 dev ${device} nodad
link set ${device} up
${targets(['public4', 'public6'])
  .map((one) => `route add ${one} dev ${device}`)
  .join('\n')}`)
  const peerAddresses = Object.values(PEER).map(
    (one) => `addr add ${one}/${one.includes(':') ? '128 dev eth0 nodad' : '32 dev eth0'}`,
  )
  await ip(
    `link set lo up
link set eth0 up
${peerAddresses.join('\n')}
route add ${HOST.public4} dev eth0
route add ${HOST.public6} dev eth0`,
    peer.pid,
  )
  const serve = ['python3', '-c', ATTEMPTS, 'serve', `${PORT}`]
  stack.use(await start('nsenter', ['--net', `--target=${peer.pid}`, ...serve]))
  stack.use(await start('python3', ['-c', ATTEMPTS, 'serve', `${PORT}`, 'without-dns']))
  const name_servers_file = join(dir, 'resolv.conf')
  await writeFile(name_servers_file, `search example.com\nnameserver ${PEER.private10}\n`)
  const held = stack.move()
  return { dir, name_servers_file, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** Returns the addresses of the other machine, except those that are on the link's own networks. */
function targets(without: (keyof typeof PEER)[]): string[] {
  const direct = without.map((name) => PEER[name])
  return Object.values(PEER).filter((one) => !direct.includes(one))
}

/** Runs commands of `ip`; if `pid` is given, in the network namespace of that process. */
export async function ip(commands: string, pid?: number): Promise<void> {
  const namespace = `--net=/proc/${pid ?? 'self'}/ns/net`
  await runOrThrow('nsenter', [namespace, 'ip', '-batch', '-'], { input: `${commands}\n` })
}

export interface Sandbox extends AsyncDisposable {
  pid: number
  /** Runs a program as root in the sandbox's user namespace, with all capabilities in its namespaces; returns its output. */
  run(command: string[], input?: string): Promise<string>
}

/** Makes a user namespace with its own range of host IDs, and a network namespace that belongs to it. */
export async function makeSandbox(): Promise<Sandbox> {
  const child = await start('unshare', ['--user', '--net', '/bin/sh', '-c', 'echo; exec cat'])
  const { pid = 0 } = child
  for (const map of ['uid_map', 'gid_map'])
    await writeFile(`/proc/${pid}/${map}`, `0 ${FIRST_ID} 65536\n`)
  return {
    pid,
    run: ([...command], input = '') =>
      runOrThrow('nsenter', ['--user', '--net', `--target=${pid}`, ...command], { input }),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  }
}

/** Makes attempts such as `tcp 192.0.2.1 80`, all at once; returns the result of each. */
export async function attempt(attempts: string[], sandbox?: Sandbox): Promise<Map<string, string>> {
  const input = attempts.map((one) => `${one}\n`).join('')
  const command = ['python3', '-c', ATTEMPTS]
  const output = await (sandbox
    ? sandbox.run(command, input)
    : runOrThrow('python3', ['-c', ATTEMPTS], { input }))
  const results = new Map<string, string>()
  for (const line of output.trim().split('\n')) {
    const [kind, host, port, ...result] = line.split(' ')
    results.set(`${kind} ${host} ${port}`, result.join(' '))
  }
  return results
}
