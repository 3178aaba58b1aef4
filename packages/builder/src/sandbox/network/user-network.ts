import { type FileHandle, open, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { messageOf } from '@copr/process/errors'
import { Bell } from '@copr/process/every'
import type { AddressRules } from '@copr/process/guarded/address-rules'
import { runOrThrow } from '@copr/process/run'
import { hasIpv6, hostRanges } from './host.ts'
import {
  ADDRESSES,
  hostCommands,
  insideCommands,
  MTU,
  OUTSIDE,
  outsideCommands,
  routerCommands,
  sandboxCommands,
} from './plan.ts'
import { ResolvConf } from './resolver.ts'
import { LIFELINE_FD, READY_FD, startSupport, type SupportProcess, SYSTEM_PATH } from './process.ts'

const ROUTER = fileURLToPath(new URL('router.sh', import.meta.url))
const SLIRP = fileURLToPath(new URL('slirp.sh', import.meta.url))

/** Milliseconds between two checks of the machine's own addresses and name servers, if the kernel reports no change. */
const REFRESH_MS = 1000

export interface UserNetworkOptions {
  /** Path of the sandbox's network namespace, for example `/proc/1234/ns/net`. It has no eth0 yet. */
  network_namespace: string
  /**
   * User and group ID of slirp4netns. Nothing else on this machine may use them: a process with these IDs could change the restrictions,
   * unless it is in a user namespace of its own.
   */
  uid: number
  gid: number
  /** The private networks that the administrator allows in addition to public addresses. */
  rules: AddressRules
  /** An existing directory for this network alone. */
  dir: string
  /** The machine's list of name servers. Default: /etc/resolv.conf */
  name_servers_file?: string
  /** Ends the network when it aborts. */
  signal: AbortSignal
}

export interface UserNetwork extends AsyncDisposable {
  /** Content of /etc/resolv.conf in the sandbox. */
  readonly resolv_conf: string
  /** Aborts with an error if the network has failed. From the sandbox, all servers then seem unreachable. */
  readonly lost: AbortSignal
}

/**
 * Connects a sandbox to public addresses through user-mode networking: TCP, DNS at a resolver address of its own, and nothing else. The
 * sandbox's device leads to a router: a network namespace outside of the sandbox's user namespace. Its routing rules enforce these
 * restrictions even against a sandbox that has all capabilities in its own namespaces. Behind the router, slirp4netns makes the connections
 * as an unprivileged user. Both end when the value is disposed, the signal aborts or this process ends, and leave nothing behind on the
 * machine.
 */
export async function startUserNetwork(options: UserNetworkOptions): Promise<UserNetwork> {
  const { rules, dir, signal } = options
  for (const id of [options.uid, options.gid])
    if (!Number.isSafeInteger(id) || id < 1)
      throw new Error(
        `slirp4netns needs the id of an unprivileged user: expected 1 or more, received ${id}`,
      )
  const ipv6 = await hasIpv6()
  await using stack = new AsyncDisposableStack()
  const sandbox = stack.use(await openNamespace(options.network_namespace))
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const router = stack.use(await startNamespace(options, either))
  const servers = new ResolvConf(join(dir, 'etc'), options.name_servers_file)
  await servers.update()
  const slirp = stack.use(await startSlirp(options, { router, ipv6, signal: either }))
  const routerNamespace = stack.use(await openNamespace(`/proc/${router.pid}/ns/net`))
  const within = `--net=${pathOf(routerNamespace)}`
  const changes = new Bell()
  const monitor = stack.use(await startMonitor(changes, either))
  const ranges = await hostRanges()
  await writeCommands(options, ipv6, ranges)
  const script = ['/bin/sh', ROUTER, dir, pathOf(sandbox), ipv6 ? 'yes' : 'no']
  await runOrThrow('nsenter', [within, ...script], { env: { PATH: SYSTEM_PATH }, signal: either })
  // Addresses may have been added in the meantime.
  const before = await forbid(within, { rules, ipv6, before: ranges, signal: either })
  const lost = new AbortController()
  const fail = (reason: string): void => {
    if (!either.aborted) lost.abort(new Error(`The network of the sandbox failed: ${reason}`))
    stop.abort()
  }
  void slirp.ended.then((reason) => fail(`slirp4netns ended (${reason})`))
  void router.ended.then((reason) => fail(`its router ended (${reason})`))
  void monitor.ended.then((reason) => fail(`the monitor of addresses ended (${reason})`))
  const following = { rules, ipv6, before, signal: either, servers, changes }
  void refresh(within, following).catch((error: unknown) => fail(messageOf(error)))
  const held = stack.move()
  return {
    resolv_conf: servers.sandboxText(ipv6),
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await held.disposeAsync()
    },
  }
}

/** Opens a network namespace; throws if it is the machine's own. Unlike a process ID, a descriptor always refers to the same namespace. */
async function openNamespace(path: string): Promise<FileHandle> {
  const handle = await open(path, 'r')
  const [{ ino }, own] = [await handle.stat(), await stat('/proc/self/ns/net')]
  if (ino !== own.ino) return handle
  await handle.close()
  throw new Error(
    `${path} is the machine's own network namespace: the sandbox needs one of its own`,
  )
}

/** Returns a path through which other processes can open a file that this process has open. */
function pathOf({ fd }: FileHandle): string {
  return `/proc/${process.pid}/fd/${fd}`
}

/** Starts the process that holds the router's namespaces. slirp4netns may enter them because they belong to its user. */
async function startNamespace(
  { uid, gid }: UserNetworkOptions,
  signal: AbortSignal,
): Promise<SupportProcess> {
  const hold = `echo ready >&${READY_FD}; exec ${READY_FD}>&-; exec cat <&${LIFELINE_FD}`
  // CAP_SYS_ADMIN: machines may forbid users without it to create user namespaces.
  // oxfmt-ignore
  const args = [
    '--reuid', `${uid}`, '--regid', `${gid}`, '--clear-groups',
    '--inh-caps=-all,+sys_admin', '--ambient-caps=-all,+sys_admin', '--bounding-set=-all,+sys_admin',
    'unshare', '--user', '--map-root-user', '--net', '/bin/sh', '-c', hold,
  ]
  try {
    return await startSupport(args, { signal })
  } catch (error) {
    throw new Error(`Cannot create the network of a sandbox: ${messageOf(error)}`, { cause: error })
  }
}

async function startSlirp(
  { uid, gid, dir }: UserNetworkOptions,
  { router, ipv6, signal }: { router: SupportProcess; ipv6: boolean; signal: AbortSignal },
): Promise<SupportProcess> {
  // oxfmt-ignore
  const args = [
    'unshare', '--mount', '--propagation', 'private', '--ipc', '--pid', '--fork', '--kill-child=KILL',
    '/bin/sh', SLIRP, `${uid}`, `${gid}`, join(dir, 'etc'),
    '--enable-sandbox', '--enable-seccomp', '--disable-host-loopback', ...(ipv6 ? ['--enable-ipv6'] : []),
    '--cidr', ADDRESSES.ipv4.cidr, '--mtu', `${MTU}`, '--ready-fd', `${READY_FD}`, '--exit-fd', `${LIFELINE_FD}`,
    `${router.pid}`, OUTSIDE,
  ]
  try {
    return await startSupport(args, { signal })
  } catch (error) {
    throw new Error(`Cannot start slirp4netns: ${messageOf(error)}`, { cause: error })
  }
}

/** Rings the bell when an address of this machine changes. */
async function startMonitor(changes: Bell, signal: AbortSignal): Promise<SupportProcess> {
  const watch = `echo ready >&${READY_FD}; exec ${READY_FD}>&-; exec ip -o monitor address`
  const onOutput = (): void => changes.ring()
  return await startSupport(['/bin/sh', '-c', watch], { signal, onOutput, kill_at_end: true })
}

/** Writes the commands that router.sh runs. */
async function writeCommands(
  { dir, rules }: UserNetworkOptions,
  ipv6: boolean,
  ranges: ReadonlySet<string>,
): Promise<void> {
  const write = (name: string, text: string): Promise<void> => writeFile(join(dir, name), text)
  const before = new Set<string>()
  await write('outside', outsideCommands(ipv6))
  await write('inside', insideCommands(ipv6))
  await write('sandbox', sandboxCommands(ipv6))
  for (const family of ['ipv4', 'ipv6'] as const) {
    const host = hostCommands(family, rules, { now: ranges, before })
    await write(`rules-${family}`, routerCommands(family, rules) + host)
  }
}

interface RefreshOptions {
  rules: AddressRules
  ipv6: boolean
  /** The machine's own addresses that are already forbidden. */
  before: ReadonlySet<string>
  signal: AbortSignal
}

/** Forbids the addresses that the machine has now, and returns them. */
async function forbid(
  within: string,
  { rules, ipv6, before, signal }: RefreshOptions,
): Promise<ReadonlySet<string>> {
  const now = await hostRanges()
  for (const family of ipv6 ? (['ipv4', 'ipv6'] as const) : (['ipv4'] as const)) {
    const input = hostCommands(family, rules, { now, before })
    if (input === '') continue
    const ip = ['ip', family === 'ipv4' ? '-4' : '-6', '-batch', '-']
    await runOrThrow('nsenter', [within, ...ip], { input, signal, env: { PATH: SYSTEM_PATH } })
  }
  return now
}

/** Keeps up with changes of the machine's addresses and name servers until the signal aborts. */
async function refresh(
  within: string,
  { servers, changes, ...options }: RefreshOptions & { servers: ResolvConf; changes: Bell },
): Promise<void> {
  let { before } = options
  const { signal } = options
  for (;;) {
    await changes.wait(REFRESH_MS, signal)
    if (signal.aborted) return
    before = await forbid(within, { ...options, before })
    await servers.update()
  }
}
