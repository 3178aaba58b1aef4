import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SandboxPlan } from '../sandbox.ts'

/** Objects outside of the sandbox that the test has prepared. Control runs make them accessible from inside. */
export interface Outside {
  /** A directory of files that only the agent should reach. */
  dir: string
  /** Paths at which namespaces of the host and of the neighbor are mounted, by name. */
  namespaces: Record<'host_ipc' | 'neighbor_ipc' | 'neighbor_network', string>
  /** The directory that the neighbor sees as `/tmp`. */
  neighbor_tmp: string
}

/** All capabilities in the order of their numbers (linux/capability.h), which is the order of the bits in /proc/self/status. */
const CAPABILITIES = [
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE',
  'NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE',
  'SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE',
  'AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF',
].flatMap((line) => line.split(' ').map((name) => `CAP_${name}`))

const LEAKY_RUNTIME = fileURLToPath(new URL('leaky-runtime.sh', import.meta.url))

/** Removes a barrier from a plan. */
type Removal = (plan: SandboxPlan, outside: Outside) => void

/** Maps each barrier that stops an attempt to a function with which a control run removes it. */
const REMOVALS = {
  seccomp: ({ config }) => delete config.linux.seccomp,
  /** Grants all capabilities, which apply only to what belongs to the sandbox's user namespace. */
  capabilities: ({ config: { process } }) => {
    for (const set of ['bounding', 'effective', 'permitted', 'inheritable', 'ambient'] as const)
      process.capabilities[set] = CAPABILITIES
  },
  /** Allows programs with file capabilities to gain all capabilities. */
  bounding_set: ({ config: { process } }) => {
    process.capabilities.bounding = CAPABILITIES
  },
  no_new_privileges: ({ config: { process } }) => {
    process.noNewPrivileges = false
  },
  build_user: ({ config: { process } }) => {
    process.user = { uid: 0, gid: 0, umask: 0o022 }
  },
  /** Uses the initial user namespace, in which capabilities apply to the whole machine. */
  user_namespace: (plan) => {
    dropNamespace(plan, 'user')
    plan.config.linux.uidMappings = []
    plan.config.linux.gidMappings = []
  },
  /** Uses a user namespace whose IDs are those of the host. */
  host_ids: (plan) => {
    plan.ids = { ...plan.ids, first: 0 }
    for (const map of ['uidMappings', 'gidMappings'] as const)
      plan.config.linux[map] = [{ containerID: 0, hostID: 0, size: plan.ids.count }]
  },
  pid_namespace: (plan) => dropNamespace(plan, 'pid'),
  mount_namespace: (plan) => dropNamespace(plan, 'mount'),
  cgroup_namespace: (plan) => dropNamespace(plan, 'cgroup'),
  network_namespace: (plan) => {
    dropNamespace(plan, 'network')
    dropSys(plan)
  },
  neighbor_network: (plan, { namespaces }) => {
    joinNamespace(plan, 'network', namespaces.neighbor_network)
    dropSys(plan)
  },
  host_ipc: (plan, { namespaces }) => joinNamespace(plan, 'ipc', namespaces.host_ipc),
  neighbor_ipc: (plan, { namespaces }) => joinNamespace(plan, 'ipc', namespaces.neighbor_ipc),
  masked_paths: ({ config: { linux } }) => {
    linux.maskedPaths = []
    linux.readonlyPaths = []
  },
  read_only_sys: ({ config }) => {
    for (const mount of config.mounts)
      if (mount.destination === '/sys')
        mount.options = mount.options.filter((option) => option !== 'ro')
  },
  /** Shares directories of the agent, of other builds and of the host. */
  files: (plan, { dir }) => {
    share(plan, dir)
    // /etc is a copy, because the host's own file system may be an overlay, which cannot map IDs.
    share(plan, join(dir, 'etc'), '/etc')
    shareMount(plan, '/tmp', '/tmp')
    shareMount(plan, '/dev/shm', '/dev/shm')
  },
  neighbor_tmp: (plan, { neighbor_tmp }) => share(plan, neighbor_tmp, '/tmp'),
  read_only_programs: (plan, { dir }) => share(plan, join(dir, 'share'), '/usr/share'),
  cgroup_files: (plan) => shareMount(plan, '/sys/fs/cgroup', '/sys/fs/cgroup'),
  device_cgroup: ({ config: { linux } }) => {
    if (linux.resources) linux.resources.devices = [{ allow: true, access: 'rwm' }]
  },
  closed_descriptors: (plan) => {
    plan.runtime = LEAKY_RUNTIME
  },
} satisfies Record<string, Removal>

export type Barrier = keyof typeof REMOVALS

/** Removes barriers from a plan, to show that nothing else stops the attempts that these barriers are meant to stop. */
export function removeBarriers(plan: SandboxPlan, barriers: Barrier[], outside: Outside): void {
  for (const barrier of barriers) REMOVALS[barrier](plan, outside)
  if (barriers.includes('user_namespace')) keepOwnCapabilities(plan)
}

/**
 * Keeps only the capabilities that this process has. Root in a container may lack some capabilities; only a user namespace provides all of
 * them.
 */
function keepOwnCapabilities({ config: { process } }: SandboxPlan): void {
  const bits = /^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  const isOwn = (name: string): boolean =>
    ((BigInt(`0x${bits}`) >> BigInt(CAPABILITIES.indexOf(name))) & 1n) === 1n
  for (const [set, names] of Object.entries(process.capabilities))
    process.capabilities[set as keyof typeof process.capabilities] = names.filter(isOwn)
}

function dropNamespace({ config: { linux } }: SandboxPlan, type: string): void {
  linux.namespaces = linux.namespaces.filter((one) => one.type !== type)
}

function joinNamespace(plan: SandboxPlan, type: string, path: string): void {
  dropNamespace(plan, type)
  plan.config.linux.namespaces.push({ type, path })
}

/** Removes /sys, because the kernel does not allow sysfs in a user namespace that does not own the network namespace. */
function dropSys({ config }: SandboxPlan): void {
  config.mounts = config.mounts.filter(({ destination }) => destination !== '/sys')
}

/** Makes a directory of the host writable in the sandbox, with mapped IDs. */
function share(plan: SandboxPlan, from: string, to = from): void {
  const source = `/run/binds/${plan.binds.length}`
  plan.binds.push({ from, writable: true })
  plan.mount_points.push(to.slice(1))
  plan.config.mounts.push({ destination: to, type: 'bind', source, options: ['bind', 'rw'] })
}

/** Makes a directory of the host visible in the sandbox without mapping IDs, for file systems that cannot map them. */
function shareMount({ config }: SandboxPlan, source: string, destination: string): void {
  config.mounts = config.mounts.filter((mount) => mount.destination !== destination)
  config.mounts.push({ destination, type: 'bind', source, options: ['rbind', 'rw'] })
}
