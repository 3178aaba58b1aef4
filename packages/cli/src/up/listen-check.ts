import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename } from 'node:path'
import { urlHost, withoutBrackets } from '@copr/contract/listen-address'
import { CoprError } from '@copr/process/errors'

interface Listen {
  host: string
  port: number
}

/** Throws an error that gives the reason if a server cannot listen on the address. */
export async function requireFreePort({ host, port }: Listen): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const probe = createServer()
  probe.once('error', reject)
  probe.listen(port, withoutBrackets(host), () => probe.close(() => resolve()))
  try {
    await promise
  } catch (cause) {
    const why = reasonOf(cause as NodeJS.ErrnoException, { host, port })
    // Has no `cause`, because the message already explains it.
    throw new CoprError('unavailable', `Cannot listen at ${urlHost(host)}:${port}: ${why}`)
  }
  if (await isBadPort(port))
    throw new CoprError(
      'invalid',
      `Cannot listen at ${urlHost(host)}:${port}: browsers and builders refuse to connect to this port, which another protocol uses; choose another port with --port`,
    )
}

/** Whether fetch() refuses to connect to a port, as browsers do. Source: the section "Port blocking" of the Fetch standard. */
async function isBadPort(port: number): Promise<boolean> {
  try {
    await fetch(`http://127.0.0.1:${port}`)
    return false
  } catch (error) {
    const { cause } = error as Error
    return cause instanceof Error && cause.message === 'bad port'
  }
}

function reasonOf({ code, message }: NodeJS.ErrnoException, { host, port }: Listen): string {
  switch (code) {
    case 'EADDRINUSE': {
      const user = listenerOf(port)
      const who = user
        ? `${user.name} (process ${user.pid})`
        : 'another process, which is not visible from here'
      return `the port is in use by ${who}; stop it, or choose another port with --port`
    }
    case 'EACCES':
      return `ports below 1024 need the capability CAP_NET_BIND_SERVICE; choose another port with --port`
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address; "ip address" lists those for --host'
    case 'EAFNOSUPPORT':
      return 'this machine has no IPv6; choose an IPv4 address with --host'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${host} is neither an address nor a known name; choose an address with --host`
    default:
      return `${message}; choose another address with --host`
  }
}

/** Returns the process that listens on a TCP port, if /proc shows it. */
function listenerOf(port: number): { pid: number; name: string } | undefined {
  const sockets = listeningSockets(port)
  if (sockets.size === 0) return undefined
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    if (holdsOneOf(pid, sockets)) return { pid: Number(pid), name: nameOf(pid) }
  return undefined
}

/** Returns the sockets that listen on a port in the form `socket:[INODE]`, as in the links in /proc/PID/fd. */
function listeningSockets(port: number): Set<string> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const LISTEN = '0A'
  const lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => textOf(path).split('\n'))
  const inodes = lines.flatMap((line) => {
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
    return local.endsWith(`:${hex}`) && state === LISTEN ? [`socket:[${inode}]`] : []
  })
  return new Set(inodes)
}

function holdsOneOf(pid: string, sockets: Set<string>): boolean {
  try {
    const folder = `/proc/${pid}/fd`
    return readdirSync(folder).some((fd) => sockets.has(linkAt(`${folder}/${fd}`)))
  } catch {
    return false // it has exited, or belongs to another user
  }
}

function linkAt(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** Returns the name of the executable file, because the command line may be anything, and Node renames its main thread. */
const nameOf = (pid: string): string => basename(linkAt(`/proc/${pid}/exe`)) || 'a program'

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // Without IPv6 there is no tcp6.
  }
}
