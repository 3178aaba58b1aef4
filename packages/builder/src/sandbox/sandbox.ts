import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { MachineFault } from '@copr/agent/machine-fault'
import type { AddressRules } from '@copr/process/guarded/address-rules'
import { BuildFailure } from '../build-failure.ts'
import { areCgroupsWritable, hasProcessPeak, PARENT_CGROUP, removeCgroup } from './cgroup.ts'
import { type IdRange, isMapped, takeIdRange } from './id-range.ts'
import { limitsOfMachine, type SandboxLimits } from './limits.ts'
import {
  capabilitiesOf,
  DEVICES,
  type OciConfig,
  processLimitOf,
  renderOciConfig,
  type SandboxPhase,
} from './oci-config.ts'
import { ociRuntime } from './runtime.ts'
import { takePaced } from './paced-output.ts'
import { openSandboxNetwork, type SandboxNetwork } from './network/sandbox-network.ts'
import { readSeccompProfile, seccompFilter } from './seccomp.ts'

export { BUILD_UID, ROOT } from './oci-config.ts'

const SUPERVISOR = fileURLToPath(new URL('supervisor.py', import.meta.url))

export type SandboxRoot =
  /** Directories to stack as an overlay, the lowest first. Changes go to `changes`, which must exist and be writable. */
  | { layers: string[]; changes: string }
  /** A directory that is changed in place. */
  | { directory: string }

export interface SandboxOptions {
  root: SandboxRoot
  as: SandboxPhase
  command: string[]
  cwd?: string
  /** The whole environment except PATH. */
  env?: Record<string, string>
  /**
   * - `none`, the default: only a loopback device
   * - `host`: the machine's network, for the machine's own programs
   * - rules: a network of its own, from which public addresses and those that the rules allow can be reached
   */
  network?: 'none' | 'host' | AddressRules
  /** Directories of the host that appear at absolute paths in the sandbox. */
  binds?: { from: string; to: string; changes: 'kept' | 'forbidden' }[]
  /** Architecture of the programs, as in the chroot's name. It decides how they may open sockets. Default: the machine's. */
  arch?: string
  limits?: SandboxLimits
  onOutput?: (chunk: Buffer) => void
  signal: AbortSignal
}

export interface SandboxExit {
  code: number
  /** The end of stdout and stderr. */
  output: string
  /** The limit that the command reached, as a clause with the figure; undefined if it reached none. */
  exhausted?: string
}

/** The input of supervisor.py: everything that it mounts and runs. */
export interface SandboxPlan {
  name: string
  runtime: string
  /** Whether the sandbox joins the network namespace that is passed to the supervisor. */
  joins_network: boolean
  ids: { first: number; count: number }
  root: { layers: string[]; changes: string } | { directory: string }
  binds: { from: string; writable: boolean }[]
  devices: string[]
  tools: { directories: string[]; files: string[]; texts: Record<string, string> } | null
  /** Directories that must exist in the chroot, without the leading slash. */
  mount_points: string[]
  /** Files to write into the chroot, by path without the leading slash. */
  files: Record<string, string>
  config: OciConfig
}

/** The report that the supervisor writes as its last line. */
type Report =
  | { code: number; oom_kills: number; memory_limit_hits: number; refused_processes: number }
  | { fault: 'machine' | 'root'; message: string }

const KEPT_BYTES = 256 * 1024
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Runs a command in a user namespace of its own, in which it sees nothing of the host except what it is given. All its processes and mounts
 * end when the command exits, when the signal aborts, or when this process ends for any reason. Rejects with the signal's reason, with a
 * BuildFailure if a package has damaged the buildroot, or with another error if the machine is at fault.
 */
export async function runSandboxed(options: SandboxOptions): Promise<SandboxExit> {
  const { signal } = options
  signal.throwIfAborted()
  await using ids = await takeIdRange(signal)
  const { network = 'none' } = options
  if (typeof network === 'string') return await runPlan(await planSandbox(options, ids), options)
  await using opened = await openSandboxNetwork(network, { uid: ids.helper, signal })
  const plan = await planSandbox(options, ids, opened)
  return await runPlan(plan, { ...options, opened })
}

/** Runs a plan. Tests change plans to show which barrier stops which attempt. */
export async function runPlan(
  plan: SandboxPlan,
  options: Pick<SandboxOptions, 'signal' | 'onOutput'> & { opened?: SandboxNetwork },
): Promise<SandboxExit> {
  const { onOutput, opened } = options
  const signal = opened ? AbortSignal.any([options.signal, opened.lost]) : options.signal
  const child = spawn('setpriv', supervisorArgs(), {
    // The last two descriptors are REPORT and NETWORK in supervisor.py.
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', opened ? opened.namespace.fd : 'ignore'],
    // Detached, because Ctrl-C in the terminal must reach only the agent, which decides what happens to the build.
    detached: true,
    env: { PATH },
  })
  const kill = (): void => void child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  if (signal.aborted) kill()
  try {
    const { killedBy, output, report } = await collect(child, JSON.stringify(plan), onOutput)
    signal.throwIfAborted()
    if (report === undefined) {
      // Nothing in the sandbox can end its supervisor, so the OOM killer or an administrator must have ended it.
      const how = killedBy === null ? '' : ` (${killedBy})`
      throw new Error(`The sandbox was ended from outside${how}: ${output.trim().slice(-500)}`)
    }
    if ('fault' in report) {
      if (report.fault === 'root')
        throw new BuildFailure(report.message, {
          category: 'dependency',
          hint: 'A package in the buildroot has damaged it: find the one whose scriptlets do that.',
        })
      throw new Error(`Cannot set up a sandbox: ${report.message.slice(-500)}`)
    }
    // The kernel has killed processes that were within their limit, because it needed memory for others.
    if (report.code !== 0 && report.oom_kills > 0 && report.memory_limit_hits === 0)
      throw new MachineFault(
        'out_of_memory',
        `The machine ran out of memory: ${output.trim().slice(-300)}`,
      )
    const exhausted = exhaustedLimit(report, plan.config)
    return { code: report.code, output, ...(exhausted && { exhausted }) }
  } finally {
    signal.removeEventListener('abort', kill)
    const { cgroupsPath } = plan.config.linux
    if (cgroupsPath !== undefined) await removeCgroup(cgroupsPath)
  }
}

function supervisorArgs(): string[] {
  // oxfmt-ignore
  return [
    '--pdeathsig', 'KILL',
    'unshare', '--mount', '--propagation', 'slave', '--pid', '--mount-proc', '--ipc', '--fork', '--kill-child=KILL',
    // Not with -I, which would hide beneath.py.
    'python3', '-B', '-E', '-s', '-S', SUPERVISOR,
  ]
}

function exhaustedLimit(
  report: Extract<Report, { code: number }>,
  config: OciConfig,
): string | undefined {
  const { resources } = config.linux
  if (!resources) return undefined
  const gib = (resources.memory.limit / 1024 ** 3).toFixed(1)
  if (report.memory_limit_hits > 0) return `it reached its memory limit of ${gib} GiB`
  return report.refused_processes > 0
    ? `it reached its limit of ${processLimitOf(config)} processes`
    : undefined
}

/** Directories of the host that its tools use. Those that do not exist are skipped. */
const TOOL_DIRECTORIES = [
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/etc/alternatives',
  '/etc/ca-certificates',
  '/etc/crypto-policies',
  '/etc/pki',
  '/etc/ssl/certs',
]
const TOOL_FILES = ['/etc/ld.so.cache', '/etc/localtime', '/etc/ssl/openssl.cnf']
const HOSTS =
  '127.0.0.1 localhost localhost.localdomain builder\n::1 localhost localhost.localdomain\n'

/** Returns the plan of a sandbox, which decides everything about it. Throws if the machine lacks the seccomp profile. */
export async function planSandbox(
  options: SandboxOptions,
  ids: IdRange,
  opened?: Pick<SandboxNetwork, 'resolv_conf'>,
): Promise<SandboxPlan> {
  const { root, as, command, network = 'none', binds = [], cwd = '/', env = {} } = options
  const { arch = process.arch, limits = limitsOfMachine() } = options
  const name = randomUUID()
  const profile = await readSeccompProfile()
  if (profile === undefined) throw new Error('No package has installed a seccomp profile')
  const seccomp = seccompFilter(profile, { capabilities: capabilitiesOf(as), arch })
  const files = networkFiles(network === 'host', opened?.resolv_conf)
  const targets = binds.map(({ to, changes }) => ({ to, writable: changes === 'kept' }))
  return {
    name,
    runtime: ociRuntime() ?? 'runc',
    joins_network: opened !== undefined,
    ids: { first: ids.first, count: ids.count },
    root: 'directory' in root ? root : { layers: root.layers, ...(await changesIn(root.changes)) },
    binds: binds.map(({ from, changes }) => ({ from, writable: changes === 'kept' })),
    devices: DEVICES,
    tools: as === 'tools' ? toolsOfHost(files) : null,
    mount_points: mountPoints(as, targets),
    files: as === 'build' || (as === 'root' && network !== 'none') ? files : {},
    config: renderOciConfig({
      phase: as,
      command,
      cwd,
      env: { PATH, ...env },
      network: opened ? 'joined' : network === 'host' ? 'host' : 'none',
      ids,
      limits,
      binds: targets,
      cgroup:
        isMapped(ids) || (await areCgroupsWritable()) ? `${PARENT_CGROUP}/${name}` : undefined,
      has_process_peak: await hasProcessPeak(),
      seccomp,
    }),
  }
}

async function changesIn(changes: string): Promise<{ changes: string }> {
  await mkdir(join(changes, 'upper'), { recursive: true })
  // Removes files that an earlier mount has left behind, because overlayfs requires an empty directory.
  await rm(join(changes, 'work'), { recursive: true, force: true })
  await mkdir(join(changes, 'work'))
  return { changes }
}

function toolsOfHost(files: Record<string, string>) {
  return {
    directories: TOOL_DIRECTORIES,
    files: TOOL_FILES,
    texts: {
      '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
      '/etc/group': 'root:x:0:\n',
      ...Object.fromEntries(Object.entries(files).map(([path, text]) => [`/${path}`, text])),
    },
  }
}

/** Returns the files that programs need to resolve hostnames, by path without the leading slash. */
function networkFiles(isHost: boolean, resolv_conf: string | undefined): Record<string, string> {
  if (!isHost) return { 'etc/hosts': HOSTS, ...(resolv_conf && { 'etc/resolv.conf': resolv_conf }) }
  const ofHost = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '')
  const nsswitch = ofHost('/etc/nsswitch.conf')
  return {
    'etc/hosts': HOSTS + ofHost('/etc/hosts'),
    'etc/resolv.conf': ofHost('/etc/resolv.conf'),
    ...(nsswitch && { 'etc/nsswitch.conf': nsswitch }),
  }
}

/** Returns the paths in the chroot at which something is mounted, without the leading slash. */
function mountPoints(as: SandboxPhase, binds: { to: string }[]): string[] {
  const own = ['proc', 'sys', 'dev', 'tmp', 'var/tmp']
  return as === 'tools' ? own : [...own, ...binds.map(({ to }) => to.slice(1))]
}

async function collect(
  child: ChildProcess,
  plan: string,
  onOutput: ((chunk: Buffer) => void) | undefined,
) {
  const kept: Buffer[] = []
  let keptBytes = 0
  const take = (chunk: Buffer): void => {
    onOutput?.(chunk)
    kept.push(chunk)
    keptBytes += chunk.length
    while (keptBytes > KEPT_BYTES && kept.length > 1) keptBytes -= kept.shift()?.length ?? 0
  }
  let report = ''
  for (const stream of [child.stdout, child.stderr]) if (stream) takePaced(stream, take)
  const reports = child.stdio[3] as Readable
  reports.on('data', (chunk: Buffer) => (report += chunk.toString('utf8')))
  const stdin = child.stdin as Writable
  // The supervisor may be killed before it reads the plan.
  stdin.on('error', () => undefined)
  stdin.end(plan)
  const killedBy = await new Promise<string | null>((resolve, reject) => {
    child.once('error', (cause) => reject(new Error('Cannot start a sandbox', { cause })))
    child.once('close', (_code, signal) => resolve(signal))
  })
  return {
    killedBy,
    output: Buffer.concat(kept).toString('utf8'),
    report: report.endsWith('\n') ? (JSON.parse(report) as Report) : undefined,
  }
}
