import { readFile } from 'node:fs/promises'
import { constants } from 'node:os'
import additions from './seccomp-additions.json' with { type: 'json' }

/** The section `linux.seccomp` of an OCI runtime's configuration. */
export interface Seccomp {
  defaultAction: string
  defaultErrnoRet: number
  architectures: string[]
  syscalls: SeccompRule[]
}

interface SeccompRule {
  names: string[]
  action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO'
  errnoRet?: number
  args?: SeccompArgument[]
}

interface SeccompArgument {
  index: number
  value: number
  valueTwo?: number
  op: 'SCMP_CMP_EQ' | 'SCMP_CMP_MASKED_EQ'
}

/** A condition of a rule: all of the listed capabilities, and one of the listed architectures, under Go's names. */
interface Condition {
  caps?: string[]
  arches?: string[]
  minKernel?: string
}

/** The distribution's profile for containers, whose rules depend on capabilities and architecture. */
interface Profile {
  defaultAction: string
  defaultErrnoRet?: number
  archMap: { architecture: string; subArchitectures: string[] | null }[]
  syscalls: (Omit<SeccompRule, 'args'> & {
    args?: SeccompArgument[] | null
    includes?: Condition | null
    excludes?: Condition | null
  })[]
}

/** Where containers-common (Fedora) and golang-github-containers-common (Debian) install the profile. */
const PROFILE_PATHS = ['/usr/share/containers/seccomp.json', '/etc/containers/seccomp.json']

const { ENOSYS, EPERM } = constants.errno

const GO_ARCH: Partial<Record<NodeJS.Architecture, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  ppc64: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
}
const SCMP_ARCH: Partial<Record<NodeJS.Architecture, string>> = {
  x64: 'SCMP_ARCH_X86_64',
  arm64: 'SCMP_ARCH_AARCH64',
  ppc64: 'SCMP_ARCH_PPC64LE',
  s390x: 'SCMP_ARCH_S390X',
  riscv64: 'SCMP_ARCH_RISCV64',
}

/** All flags of clone(2) that create a namespace. */
const NEW_NAMESPACES = 0x7e020000
const AF_UNIX = 1
const AF_INET = 2
const AF_INET6 = 10
const AF_NETLINK = 16
const NETLINK_ROUTE = 0
/** Mask for the low bits of a socket's type, without SOCK_CLOEXEC and SOCK_NONBLOCK. */
const TYPE_MASK = 0xf
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const ANY_PROTOCOL = 0
const TCP = 6
const UDP = 17

/** Reads the distribution's profile; returns undefined if no package has installed it. */
export async function readSeccompProfile(): Promise<unknown> {
  for (const path of PROFILE_PATHS) {
    const text = await readFile(path, 'utf8').catch(() => undefined)
    if (text !== undefined) return JSON.parse(text)
  }
  return undefined
}

/**
 * Returns the filter for a process with these capabilities: the distribution's profile for containers, which its maintainers keep up to
 * date, without the system calls that builds do not need (seccomp-additions.json).
 */
export function seccompFilter(
  profile: unknown,
  { capabilities, arch }: { capabilities: string[]; arch: string },
): Seccomp {
  const base = profile as Profile
  const removed = new Set([
    ...additions.denied.flatMap(({ names }) => names),
    ...additions.unsupported.names,
    ...additions.multiplexed.names,
    // The profile's rules for these calls are replaced by rules that check the arguments.
    'clone',
    'socket',
    'socketpair',
  ])
  const kept = base.syscalls.flatMap((rule): SeccompRule[] => {
    if (!applies(rule, capabilities)) return []
    const names = rule.names.filter((name) => !removed.has(name))
    if (names.length === 0) return []
    const { action, errnoRet, args } = rule
    return [{ names, action, ...(errnoRet && { errnoRet }), ...(args?.length && { args }) }]
  })
  const own = SCMP_ARCH[process.arch]
  const entry = base.archMap.find(({ architecture }) => architecture === own)
  if (!own || !entry) throw new Error(`The seccomp profile does not know ${process.arch}`)
  return {
    defaultAction: base.defaultAction,
    defaultErrnoRet: base.defaultErrnoRet ?? ENOSYS,
    // Nothing is built for x32, and the filter for it would take as long to compile as all others together.
    architectures: [
      own,
      ...(entry.subArchitectures ?? []).filter((one) => one !== 'SCMP_ARCH_X32'),
    ],
    syscalls: [...kept, ...ownRules(arch)],
  }
}

function applies(
  { includes, excludes }: Profile['syscalls'][number],
  capabilities: string[],
): boolean {
  const arch = GO_ARCH[process.arch] ?? ''
  const { caps = [], arches = [] } = includes ?? {}
  if (!caps.every((one) => capabilities.includes(one))) return false
  if (arches.length > 0 && !arches.includes(arch)) return false
  if (excludes?.caps?.some((one) => capabilities.includes(one))) return false
  return !excludes?.arches?.includes(arch)
}

function ownRules(arch: string): SeccompRule[] {
  const allow = (name: string, ...args: SeccompArgument[]): SeccompRule => ({
    names: [name],
    action: 'SCMP_ACT_ALLOW',
    args,
  })
  const equal = (index: number, value: number): SeccompArgument => ({
    index,
    value,
    op: 'SCMP_CMP_EQ',
  })
  const masked = (index: number, mask: number, value: number): SeccompArgument => ({
    index,
    value: mask,
    valueTwo: value,
    op: 'SCMP_CMP_MASKED_EQ',
  })
  const internet = [AF_INET, AF_INET6].flatMap((family) =>
    [
      [SOCK_STREAM, ANY_PROTOCOL],
      [SOCK_STREAM, TCP],
      [SOCK_DGRAM, ANY_PROTOCOL],
      [SOCK_DGRAM, UDP],
    ].map(([type = 0, protocol = 0]) =>
      allow('socket', equal(0, family), masked(1, TYPE_MASK, type), equal(2, protocol)),
    ),
  )
  const { multiplexed, denied, unsupported } = additions
  return [
    // If a rule allows socket(), libseccomp allows 32-bit programs to call socketcall() with any arguments, unless a rule without
    // arguments overrides that. The action is EPERM because runc leaves out rules that equal the default action.
    multiplexed.arches.includes(arch)
      ? { names: multiplexed.names, action: 'SCMP_ACT_ALLOW' }
      : { names: multiplexed.names, action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
    ...denied.map(({ names }): SeccompRule => ({
      names,
      action: 'SCMP_ACT_ERRNO',
      errnoRet: EPERM,
    })),
    { names: unsupported.names, action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
    allow('clone', masked(process.arch === 's390x' ? 1 : 0, NEW_NAMESPACES, 0)),
    allow('socket', equal(0, AF_UNIX)),
    allow('socketpair', equal(0, AF_UNIX)),
    ...internet,
    allow('socket', equal(0, AF_NETLINK), equal(2, NETLINK_ROUTE)),
  ]
}
