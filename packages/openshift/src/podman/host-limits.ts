/** Files in which the kernel reports the limits of this process. */
export interface ProcessLimits {
  /** Content of `/proc/self/limits`. */
  limits: string
  /** Content of `/proc/self/status`. */
  status: string
  /** Content of `/proc/sys/kernel/pid_max`. */
  pid_max: string
}

/** Hard limits that no container here can exceed. */
export interface HostLimits {
  nofile: number
  nproc: number
}

const CAP_SYS_RESOURCE = 24n
/** The limit on open files that podman requests by default. */
const PODMAN_NOFILE = 1_048_576

/**
 * Returns the limits that containers must not exceed; undefined if this process may raise its limits. podman requests more than most
 * machines allow, so without the right to raise limits, no container would start.
 */
export function limitsToKeep({ limits, status, pid_max }: ProcessLimits): HostLimits | undefined {
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`)
  if ((capabilities & (1n << CAP_SYS_RESOURCE)) !== 0n) return undefined
  return {
    nofile: Math.min(hardLimit(limits, 'Max open files'), PODMAN_NOFILE),
    // podman lowers this limit to the maximum process ID.
    nproc: Math.min(hardLimit(limits, 'Max processes'), Number(pid_max)),
  }
}

function hardLimit(limits: string, name: string): number {
  const hard = new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, 'm').exec(limits)?.[1]
  return hard === undefined || hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)
}

/** Adds the limits to a podman configuration, unless it already sets limits. */
export function withLimits(configuration: string, { nofile, nproc }: HostLimits): string {
  if (/^\s*default_ulimits\s*=/m.test(configuration)) return configuration
  const line = `default_ulimits = ["nofile=${nofile}:${nofile}", "nproc=${nproc}:${nproc}"]\n`
  const section = /^[ \t]*\[containers\][^\n]*\n/m
  return section.test(configuration)
    ? configuration.replace(section, (header) => `${header}${line}`)
    : `${configuration.trimEnd()}\n[containers]\n${line}`.trimStart()
}
