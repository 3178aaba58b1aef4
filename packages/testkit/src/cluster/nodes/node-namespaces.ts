import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { runOrThrow } from '@copr/process/run'
import { until } from '../../system/until.ts'
import { SERVICE_NETWORK } from '../control-plane.ts'
import { type Daemon, type DaemonOptions, startDaemon } from '../daemon.ts'

/** Network, mount and PID namespaces for a node. When this process ends for any reason, all processes in the namespaces are killed. */
export interface NodeNamespaces extends AsyncDisposable {
  /** The address of this machine, as seen by the node's pods. */
  readonly hostAddress: string
  readonly nodeAddress: string
  readonly podNetwork: string
  run(command: string, args: string[]): Promise<string>
  start(options: DaemonOptions): Daemon
}

const CGROUPS = '/sys/fs/cgroup'

export async function makeNodeNamespaces(dir: string): Promise<NodeNamespaces> {
  const isolate = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  const holder = startDaemon({
    name: 'node',
    command: 'unshare',
    args: [...isolate, 'sleep', 'infinity'],
    logFile: join(dir, 'node.log'),
  })
  const pid = await until(() => childIn(holder.pid), { timeout_ms: 10_000, what: 'the namespaces' })
  const enter = ['--target', String(pid), '--net', '--mount', '--pid']
  const run = async (command: string, args: string[]): Promise<string> =>
    await runOrThrow('nsenter', [...enter, command, ...args])
  const shared = readdirSync(CGROUPS).map((name) => join(CGROUPS, name))
  const before = new Set(shared.flatMap(foldersIn))
  try {
    await hideHost(run)
    const { link, ...addresses } = await connect(pid, run)
    return {
      ...addresses,
      run,
      start: (options) =>
        startDaemon({
          ...options,
          command: 'nsenter',
          args: [...enter, options.command, ...options.args],
        }),
      async [Symbol.asyncDispose]() {
        await holder.stop()
        // The kernel takes a moment to kill the other processes and to remove the network interface after the last one has exited.
        await until(() => !existsSync(`/sys/class/net/${link}`), {
          timeout_ms: 20_000,
          what: `${link} to be gone`,
        })
        await removeCgroups(shared.flatMap(foldersIn).filter((each) => !before.has(each)))
      },
    }
  } catch (error) {
    await holder.stop()
    throw error
  }
}

/** Returns the first process in the namespaces; undefined until it is running there. */
function childIn(parent: number): number | undefined {
  const children = `/proc/${parent}/task/${parent}/children`
  const pid = existsSync(children) ? Number(readFileSync(children, 'utf8').trim()) : 0
  if (pid === 0) return undefined
  const isThere = readlinkSync(`/proc/${pid}/ns/net`) !== readlinkSync('/proc/self/ns/net')
  return isThere && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'sleep' ? pid : undefined
}

/** Hides the fixed folders in which the container runtime, the network plugins and the kubelet keep state: the node gets empty ones. */
async function hideHost(run: NodeNamespaces['run']): Promise<void> {
  await run('mount', ['--make-rshared', '/'])
  for (const place of ['/run', '/var/lib', '/var/log'])
    await run('mount', ['-t', 'tmpfs', 'node', place])
}

async function connect(
  pid: number,
  run: NodeNamespaces['run'],
): Promise<Pick<NodeNamespaces, 'hostAddress' | 'nodeAddress' | 'podNetwork'> & { link: string }> {
  const used = new Set(
    Object.values(networkInterfaces()).flatMap((each) => each?.map((one) => one.address)),
  )
  const number = Array.from({ length: 250 }, (_, index) => index).find(
    (index) => !used.has(`10.218.${index}.1`),
  )
  const [hostAddress, nodeAddress] = [`10.218.${number}.1`, `10.218.${number}.2`]
  const podNetwork = `10.219.${number}.0/24`
  const link = `copr-node-${number}`
  const ip = async (...args: string[]): Promise<string> => await runOrThrow('ip', args)
  await ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid))
  await ip('address', 'add', `${hostAddress}/30`, 'dev', link)
  await ip('link', 'set', link, 'up')
  for (const name of ['lo', 'eth0']) await run('ip', ['link', 'set', name, 'up'])
  await run('ip', ['address', 'add', `${nodeAddress}/30`, 'dev', 'eth0'])
  await run('ip', ['route', 'add', 'default', 'via', hostAddress])
  // Rejects connections until kube-proxy knows the Service: without this, a connection opened too early would never reach the Service.
  await run('ip', ['route', 'add', 'unreachable', SERVICE_NETWORK])
  await run('sysctl', ['--quiet', '--write', 'net.ipv4.ip_forward=1'])
  await ip('route', 'add', podNetwork, 'via', nodeAddress)
  return { link, hostAddress, nodeAddress, podNetwork }
}

/** Lists the folders of containers in `dir`: the name of each is a container ID of 64 hexadecimal digits. */
function foldersIn(dir: string): string[] {
  const names = existsSync(dir) ? readdirSync(dir, { withFileTypes: true }) : []
  return names
    .filter((entry) => entry.isDirectory() && /^[0-9a-f]{64}$/.test(entry.name))
    .map((entry) => join(dir, entry.name))
}

/** Removes cgroups, which the kernel allows only after their last process has exited. */
async function removeCgroups(folders: string[]): Promise<void> {
  for (const folder of folders)
    await until(
      () => {
        try {
          rmdirSync(folder)
          return true
        } catch (error) {
          return (error as NodeJS.ErrnoException).code === 'ENOENT'
        }
      },
      { timeout_ms: 5_000, what: `${folder} to be empty` },
    )
}
