import type { IdRange } from './id-range.ts'
import type { SandboxLimits } from './limits.ts'
import type { Seccomp } from './seccomp.ts'

/**
 * An ID that is unused on the host: above the user IDs of accounts in Debian and Fedora, and below those that systemd assigns dynamically.
 */
export const BUILD_UID = 61000
/** Path of the chroot in a sandbox for the phase `tools`. */
export const ROOT = '/build'

/**
 * - `tools`: the host's programs outside of the chroot, with the few capabilities that installing packages needs
 * - `root`: root in the chroot, with even fewer capabilities
 * - `build`: the unprivileged user in the chroot
 */
export type SandboxPhase = 'tools' | 'root' | 'build'

const CAPABILITIES: Record<SandboxPhase, string[]> = {
  tools: [
    'CAP_CHOWN',
    'CAP_DAC_OVERRIDE',
    'CAP_FOWNER',
    'CAP_FSETID',
    'CAP_SETUID',
    'CAP_SETGID',
    'CAP_SETFCAP',
    'CAP_SYS_CHROOT',
  ],
  root: ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_SYS_CHROOT'],
  build: [],
}

/** Returns the capabilities of a phase. They apply only to namespaces that belong to the sandbox. */
export function capabilitiesOf(phase: SandboxPhase): string[] {
  return CAPABILITIES[phase]
}

export interface OciOptions {
  phase: SandboxPhase
  command: string[]
  cwd: string
  env: Record<string, string>
  /** A network namespace of the sandbox's own, the machine's, or the one that was passed to the supervisor. */
  network: 'none' | 'host' | 'joined'
  ids: IdRange
  limits: SandboxLimits
  /** Paths in the sandbox at which the directories appear that the supervisor has cloned, in the order of their numbers 0, 1, … */
  binds: { to: string; writable: boolean }[]
  /** Path of the cgroup, from the root of the hierarchy; undefined if only the limits of the agent's container apply. */
  cgroup: string | undefined
  /** Whether the cgroup reports its peak number of processes. */
  has_process_peak: boolean
  seccomp: Seccomp
}

/** The fields that we set in the configuration of an OCI runtime. */
export interface OciConfig {
  ociVersion: string
  hostname: string
  root: { path: string }
  process: {
    terminal: boolean
    user: { uid: number; gid: number; umask: number }
    args: string[]
    cwd: string
    env: string[]
    noNewPrivileges: boolean
    oomScoreAdj: number
    capabilities: Record<
      'bounding' | 'effective' | 'permitted' | 'inheritable' | 'ambient',
      string[]
    >
    rlimits: { type: string; soft: number; hard: number }[]
  }
  mounts: Mount[]
  linux: {
    cgroupsPath?: string
    namespaces: { type: string; path?: string }[]
    uidMappings: IdMapping[]
    gidMappings: IdMapping[]
    resources?: {
      memory: { limit: number }
      pids: { limit: number }
      devices: { allow: boolean; access: string }[]
    }
    seccomp?: Seccomp
    maskedPaths: string[]
    readonlyPaths: string[]
  }
}

interface IdMapping {
  containerID: number
  hostID: number
  size: number
}

interface Mount {
  destination: string
  type: string
  source: string
  options: string[]
}

/**
 * PID 1 of a sandbox, which waits for the command and reaps the processes that the command leaves behind. If the command itself were PID 1,
 * it would ignore signals.
 */
const INIT = ['/bin/sh', '-c', '"$@"; exit $?', 'sh']
const NETWORK_NAMESPACE = {
  none: [{ type: 'network' }],
  host: [],
  joined: [{ type: 'network', path: '/run/network' }],
}
const SAFE = ['nosuid', 'nodev', 'noexec']
/** Parent of the directories that the supervisor assembles (BASE in supervisor.py). */
const BASE = '/run'

const PROCESSES = 'RLIMIT_NPROC'
/**
 * How many processes the cgroup allows in addition to the resource limit. The cgroup's limit is for users to whom the resource limit does
 * not apply.
 */
const SPARE_PROCESSES = 64

/** The host's devices that a sandbox has. */
export const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty']

/** Renders the configuration of an OCI runtime for a sandbox that supervisor.py has assembled. */
export function renderOciConfig(options: OciOptions): OciConfig {
  const { phase, command, cwd, env, network, ids, limits, cgroup, seccomp } = options
  const hasProcessLimit = cgroup === undefined || options.has_process_peak
  const capabilities = capabilitiesOf(phase)
  const user = phase === 'build' ? BUILD_UID : 0
  const mapping = [{ containerID: 0, hostID: ids.first, size: ids.count }]
  return {
    ociVersion: '1.0.2',
    hostname: 'builder',
    root: { path: `${BASE}/${phase === 'tools' ? 'tools' : 'root'}` },
    process: {
      terminal: false,
      user: { uid: user, gid: user, umask: 0o022 },
      args: [...INIT, ...command],
      cwd,
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      noNewPrivileges: true,
      oomScoreAdj: 500,
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
        inheritable: [],
        ambient: [],
      },
      rlimits: [
        { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
        { type: 'RLIMIT_NOFILE', soft: limits.open_files, hard: limits.open_files },
        // The cgroup refuses a process only after the kernel has copied the memory of its parent. A fork bomb that reaches this resource
        // limit instead slows down the machine's other builds much less. Only the cgroup's peak shows that the limit was reached.
        ...(hasProcessLimit
          ? [{ type: PROCESSES, soft: limits.processes, hard: limits.processes }]
          : []),
      ],
    },
    mounts: mountsOf(options),
    linux: {
      ...(cgroup !== undefined && { cgroupsPath: cgroup }),
      namespaces: [
        ...['user', 'mount', 'pid', 'ipc', 'uts', 'cgroup'].map((type) => ({ type })),
        ...NETWORK_NAMESPACE[network],
      ],
      uidMappings: mapping,
      gidMappings: mapping,
      ...(cgroup !== undefined && {
        resources: {
          memory: { limit: limits.memory_bytes },
          pids: { limit: limits.processes + (hasProcessLimit ? SPARE_PROCESSES : 0) },
          // Runtimes add the devices that every container may use. Without this rule, crun would allow all devices.
          devices: [{ allow: false, access: 'rwm' }],
        },
      }),
      seccomp,
      maskedPaths: [
        '/proc/acpi',
        '/proc/asound',
        '/proc/interrupts',
        '/proc/kcore',
        '/proc/keys',
        '/proc/latency_stats',
        '/proc/sched_debug',
        '/proc/scsi',
        '/proc/timer_list',
        '/proc/timer_stats',
        '/sys/firmware',
        '/sys/fs/selinux',
      ],
      readonlyPaths: [
        '/proc/bus',
        '/proc/fs',
        '/proc/irq',
        '/proc/sys',
        '/proc/sysrq-trigger',
        ...(phase === 'tools' ? ['/build/proc/sys', '/build/proc/sysrq-trigger'] : []),
      ],
    },
  }
}

/** Returns the maximum number of processes in a sandbox; undefined if only the agent's container limits them. */
export function processLimitOf({ process, linux }: OciConfig): number | undefined {
  return process.rlimits.find(({ type }) => type === PROCESSES)?.hard ?? linux.resources?.pids.limit
}

function mountsOf({ phase, binds, network, limits }: OciOptions): Mount[] {
  const bound = binds.map(({ to, writable }, index): Mount => ({
    destination: to,
    type: 'bind',
    source: `${BASE}/binds/${index}`,
    options: ['bind', writable ? 'rw' : 'ro', 'nosuid', 'nodev'],
  }))
  // The kernel does not let root in a user namespace mount sysfs unless the user namespace owns the network namespace.
  const sys: Mount[] =
    network === 'none'
      ? [{ destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...SAFE, 'ro'] }]
      : []
  if (phase !== 'tools') return [...systemMounts('', limits), ...sys, ...bound]
  const root = {
    destination: ROOT,
    type: 'bind',
    source: `${BASE}/root`,
    // With these flags, no program in a sandbox gains privileges through the mode bits or capabilities of its file. A build's disk is
    // mounted with the same flags, which a sandbox cannot remove.
    options: ['rbind', 'rw', 'nosuid', 'nodev'],
  }
  return [...systemMounts('', limits), ...sys, root, ...systemMounts(ROOT, limits), ...bound]
}

/** Returns the mounts of /proc and /dev in a root directory. */
function systemMounts(root: string, { shared_memory_bytes }: SandboxLimits): Mount[] {
  return [
    { destination: `${root}/proc`, type: 'proc', source: 'proc', options: SAFE },
    { destination: `${root}/dev`, type: 'bind', source: `${BASE}/dev`, options: ['bind', 'rw'] },
    ...DEVICES.map((name) => ({
      destination: `${root}/dev/${name}`,
      type: 'bind',
      source: `${BASE}/devices/${name}`,
      options: ['bind', 'rw'],
    })),
    {
      destination: `${root}/dev/pts`,
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    {
      destination: `${root}/dev/shm`,
      type: 'tmpfs',
      source: 'shm',
      options: ['nosuid', 'nodev', 'mode=1777', `size=${shared_memory_bytes}`],
    },
  ]
}
