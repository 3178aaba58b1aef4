import { existsSync, readFileSync } from 'node:fs'

/** The namespaces of a build. Maps the name of each `unshare` option to the name in the sysctl `user.max_*_namespaces`. */
const NAMESPACES = {
  mount: 'mnt',
  pid: 'pid',
  ipc: 'ipc',
  uts: 'uts',
  net: 'net',
  user: 'user',
} as const
export type Namespace = keyof typeof NAMESPACES

/** A step of the sandbox setup that may fail. */
export type SandboxStep = Namespace | 'tmpfs' | 'overlay' | 'proc' | 'loopback'

/** The privileges and restrictions of this process, as the kernel reports them. */
export interface NamespaceSupport {
  /** The effective capabilities: CapEff in /proc/self/status. */
  capabilities: bigint
  /** `docker`, `podman`, `lxc`, `kubernetes` …; undefined outside containers. */
  container: string | undefined
  /** Whether this process is in a user namespace other than the initial one. */
  in_user_namespace: boolean
  /** Values of the sysctls `user.max_*_namespaces`. */
  limits: Partial<Record<Namespace, number>>
  /** For example `docker-default (enforce)`; empty without AppArmor. */
  apparmor_profile: string
  /** Whether Ubuntu's sysctl kernel.apparmor_restrict_unprivileged_userns is set. */
  apparmor_restricts_userns: boolean
  /** Whether a seccomp filter is active. */
  seccomp: boolean
}

const CAP_NET_ADMIN = 12n
const CAP_SYS_ADMIN = 21n

export const PRIVILEGED =
  'start it with --privileged (docker, podman), or with securityContext.privileged: true (Kubernetes)'

/** Returns a clause that explains to the administrator why a step failed with the error text `words`, and how to fix this. */
export function causeOf(step: SandboxStep, words: string, facts: NamespaceSupport): string {
  if (step in NAMESPACES && /No space left on device/.test(words))
    return limitCause(step as Namespace, facts)
  if (step === 'overlay' && /unknown filesystem type|No such device/.test(words))
    return 'the kernel has no overlay file system: run "modprobe overlay", on the host if this is a container'
  if (step in NAMESPACES && /Invalid argument|Function not implemented/.test(words))
    return `the kernel was built without ${step} namespaces: boot a kernel that has them`
  return capabilityCause(step, facts) ?? apparmorCause(facts) ?? forbiddenCause(step, facts)
}

function limitCause(namespace: Namespace, { limits, container }: NamespaceSupport): string {
  const sysctl = `user.max_${NAMESPACES[namespace]}_namespaces`
  const raise = `run "sysctl -w ${sysctl}=10000"${container === undefined ? '' : ' on the host'}`
  const limit = limits[namespace]
  return limit === 0
    ? `the sysctl ${sysctl} is 0, which forbids them: ${raise}`
    : `the limit of the sysctl ${sysctl} (${limit ?? 'unknown'}) has been reached, here or in an outer user namespace: ${raise}`
}

function capabilityCause(step: SandboxStep, facts: NamespaceSupport): string | undefined {
  const { capabilities, container } = facts
  const [bit, name] =
    step === 'loopback' ? [CAP_NET_ADMIN, 'CAP_NET_ADMIN'] : [CAP_SYS_ADMIN, 'CAP_SYS_ADMIN']
  if ((capabilities & (1n << bit)) !== 0n) return undefined
  const userns = usernsCause(facts)
  if (userns !== undefined) return userns
  return container === undefined
    ? `this process is root without ${name}: start it from a root shell that has all capabilities (systemd's CapabilityBoundingSet=, setpriv and capsh remove them)`
    : `this container (${container}) has no ${name}: ${PRIVILEGED}`
}

/**
 * Explains a failure on Ubuntu, where an AppArmor profile denies all capabilities in a user namespace that an unprivileged process has
 * created.
 */
function usernsCause(facts: NamespaceSupport): string | undefined {
  const { apparmor_profile, apparmor_restricts_userns, in_user_namespace } = facts
  const isDenied =
    apparmor_profile.startsWith('unprivileged_userns') ||
    (apparmor_restricts_userns && in_user_namespace)
  return isDenied
    ? 'AppArmor denies capabilities in user namespaces of unprivileged users (the sysctl kernel.apparmor_restrict_unprivileged_userns is 1, as on Ubuntu): run it as root on the host, or run "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" on the host'
    : undefined
}

function apparmorCause(facts: NamespaceSupport): string | undefined {
  const userns = usernsCause(facts)
  if (userns !== undefined) return userns
  const { apparmor_profile, container } = facts
  if (apparmor_profile === '' || apparmor_profile.startsWith('unconfined')) return undefined
  return container === undefined
    ? `the AppArmor profile ${apparmor_profile} forbids it: start it from an unconfined shell`
    : `the AppArmor profile ${apparmor_profile} of this container forbids it: ${PRIVILEGED}`
}

function forbiddenCause(step: SandboxStep, facts: NamespaceSupport): string {
  const { container, in_user_namespace, seccomp } = facts
  if (step === 'proc' && container !== undefined)
    return `this container (${container}) hides parts of /proc: ${PRIVILEGED}`
  if (seccomp)
    return container === undefined
      ? 'a seccomp filter forbids it: start it from a shell without one (systemd: SystemCallFilter=, RestrictNamespaces=)'
      : `the seccomp filter of this container (${container}) forbids it: ${PRIVILEGED}`
  if (in_user_namespace)
    return `the user namespace of this process does not allow it${step === 'overlay' ? ' (Linux before 5.11 has no overlay mounts there)' : ''}: run it as root on the host`
  if (container !== undefined) return `this container (${container}) forbids it: ${PRIVILEGED}`
  return 'capabilities, limits, AppArmor and seccomp do not explain it: check the kernel log (dmesg) for a security module'
}

/** Reads the privileges and restrictions of this process. */
export function readNamespaceSupport(env: NodeJS.ProcessEnv = process.env): NamespaceSupport {
  const status = textOf('/proc/self/status')
  const field = (name: string): string =>
    new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? ''
  const limits: NamespaceSupport['limits'] = {}
  for (const [name, kernelName] of Object.entries(NAMESPACES)) {
    const limit = textOf(`/proc/sys/user/max_${kernelName}_namespaces`)
    if (limit !== '') limits[name as Namespace] = Number(limit)
  }
  return {
    capabilities: BigInt(`0x${field('CapEff') || 'ffffffffffffffff'}`),
    container: containerOf(env),
    in_user_namespace: !/^\s*0\s+0\s+4294967295$/m.test(textOf('/proc/self/uid_map')),
    limits,
    apparmor_profile: textOf('/proc/self/attr/apparmor/current'),
    apparmor_restricts_userns:
      textOf('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1',
    seccomp: field('Seccomp') === '2',
  }
}

function containerOf(env: NodeJS.ProcessEnv): string | undefined {
  if (env['KUBERNETES_SERVICE_HOST'] !== undefined) return 'kubernetes'
  if (existsSync('/run/.containerenv')) return 'podman'
  if (existsSync('/.dockerenv')) return 'docker'
  // LXC and systemd-nspawn set `container` in the environment of PID 1.
  const init = /(?:^|\0)container=([^\0]+)/.exec(textOf('/proc/1/environ'))?.[1]
  return init ?? env['container']
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return '' // not available on this kernel or machine
  }
}
