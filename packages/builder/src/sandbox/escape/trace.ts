import { join } from 'node:path'

/** A path that a process used in a system call. */
export interface PathUse {
  pid: number
  program: string
  call: string
  path: string
  line: string
}

/**
 * Options of strace for traces that {@link pathsUsed} can read; `--decode-pids` shows the process IDs of children as the host sees them.
 */
export const STRACE_OPTIONS = [
  ...'-f -qq -y -s 4096 --seccomp-bpf --decode-pids=pidns'.split(' '),
  '-e',
  'trace=%file,fchdir,unshare,setns,clone,clone3,fork,vfork',
]

interface Call {
  at: number
  pid: number
  call: string
  rest: string
}

/** Calls that use two paths, and calls that make a symbolic link, whose target is not resolved. */
const TWO_PATHS = /^(?:rename|link)|^(?:mount|move_mount|pivot_root)$/
const LINKS = /^symlink/

function parseCalls(trace: string): { calls: Call[]; children: [number, number, Call][] } {
  const calls: Call[] = []
  const children: [number, number, Call][] = []
  const unfinished = new Map<string, Call>()
  trace.split('\n').forEach((line, at) => {
    const begun = /^(\d+) +(\w+)\((.*)$/.exec(line)
    const ended = /^(\d+) +<\.\.\. (\w+) resumed>(.*)$/.exec(line)
    const [, pid = '', call = '', rest = ''] = begun ?? ended ?? []
    if (pid === '') return
    const key = `${pid} ${call}`
    const known = ended ? unfinished.get(key) : undefined
    const one = known ?? { at, pid: Number(pid), call, rest }
    if (begun) calls.push(one)
    if (rest.endsWith('<unfinished ...>')) unfinished.set(key, one)
    if (known) known.rest += rest
    const child = /\)\s+= (\d+)(?: \/\* (\d+) in strace's PID NS \*\/)?$/.exec(line)
    if (/^(?:clone3?|v?fork)$/.test(call) && child)
      children.push([one.pid, Number(child[2] ?? child[1]), one])
  })
  return { calls, children }
}

/**
 * Maps each process that enters a user namespace to the number of the trace line from which it is inside; 0 for a process that begins
 * inside.
 */
function insideSince(calls: Call[], children: [number, number, Call][]): Map<number, number> {
  const since = new Map<number, number>()
  for (const { at, pid, call, rest } of calls) {
    const enters = call === 'unshare' && /CLONE_NEWUSER/.test(rest)
    const joins = call === 'setns' && /CLONE_NEWUSER|<user:/.test(rest)
    if ((enters || joins) && !/\)\s+= -1/.test(rest) && !since.has(pid)) since.set(pid, at)
  }
  for (let changed = true; changed;) {
    changed = false
    for (const [parent, child, { at, rest }] of children) {
      const isInside = /CLONE_NEWUSER/.test(rest) || (since.get(parent) ?? Infinity) < at
      if (!isInside || since.get(child) === 0) continue
      since.set(child, 0)
      changed = true
    }
  }
  return since
}

/** Returns, in order, the paths that were used by processes in the host's user namespace, except in calls that cannot leave a directory. */
export function pathsUsed(trace: string): (PathUse & { at: number })[] {
  const { calls, children } = parseCalls(trace)
  const inside = insideSince(calls, children)
  const parents = new Map(children.map(([parent, child]) => [child, parent]))
  const programs = new Map<number, string>()
  const directories = new Map<number, string>()
  const inherited = (from: Map<number, string>, pid: number | undefined): string | undefined =>
    pid === undefined ? undefined : (from.get(pid) ?? inherited(from, parents.get(pid)))
  const uses: (PathUse & { at: number })[] = []
  for (const { at, pid, call, rest } of calls) {
    if ((inside.get(pid) ?? Infinity) <= at) continue
    const paths = pathsIn(call, rest, inherited(directories, pid) ?? '/')
    const [first] = paths
    if (call === 'execve' && first && rest.endsWith(' = 0')) programs.set(pid, first.path)
    if (call === 'chdir' && first && rest.endsWith(' = 0')) directories.set(pid, first.path)
    const program = inherited(programs, pid) ?? ''
    for (const { path, is_confined } of paths)
      if (!is_confined) uses.push({ at, pid, program, call, path, line: `${call}(${rest}` })
  }
  return uses
}

function pathsIn(
  call: string,
  rest: string,
  directory: string,
): { path: string; is_confined: boolean }[] {
  const found = [
    ...rest.matchAll(/(?:(AT_FDCWD|\d+)(?:<((?:[^>\\]|\\.)*)>)?, )?"((?:[^"\\]|\\.)*)"/g),
  ]
  const used = TWO_PATHS.test(call)
    ? found.slice(0, 2)
    : LINKS.test(call)
      ? found.slice(1, 2)
      : found.slice(0, 1)
  return used.map(([, descriptor, place, name = '']) => {
    const ofDescriptor = /^\/proc\/self\/fd\/\d+\/?(.*)$/.exec(name)?.[1]
    if (ofDescriptor !== undefined)
      return { path: name, is_confined: isConfined(call, ofDescriptor, rest) }
    const base = place ?? directory
    const path = name.startsWith('/') ? name : join(base, name)
    const isRelative = /^\d/.test(descriptor ?? '') && !name.startsWith('/')
    return { path, is_confined: isRelative && isConfined(call, name, rest) }
  })
}

/** Returns whether a call relative to a descriptor can neither follow a link nor leave the directory. */
function isConfined(call: string, name: string, rest: string): boolean {
  if (call === 'openat2')
    return (
      /RESOLVE_IN_ROOT/.test(rest) || /(?=.*RESOLVE_BENEATH)(?=.*RESOLVE_NO_SYMLINKS)/.test(rest)
    )
  if (name === '') return true // the descriptor itself
  const isSingle = !name.includes('/') && name !== '..'
  const neverFollows =
    /^(?:mkdirat|mknodat|unlinkat|rename|renameat2?|symlinkat|readlinkat|lstat)$/.test(call)
  return isSingle && (neverFollows || /O_NOFOLLOW|AT_SYMLINK_NOFOLLOW/.test(rest))
}

/** Tools that remove or copy a tree after all processes of the build have ended. They never follow a link. */
const TREE_TOOLS = /\/(?:rm|cp)$/
/**
 * Matches paths that a build can write, or could have written: those in cached layers, which a build has filled, and those in
 * supervisor.py's writable mounts below /run.
 */
const ALWAYS_WRITABLE =
  /\/layers\/[^/]+\/[^/]+\/upper\/.|^\/run\/(?:root|state\/upper|binds\/\d+)\/./

/**
 * Returns the directories that supervisor.py clones as writable into a sandbox, each with the line of the trace where it is first cloned.
 */
function givenAway(trace: string): Map<string, number> {
  const given = new Map<string, number>()
  const cloned = new Map<number, string>()
  for (const { at, pid, call, rest } of parseCalls(trace).calls) {
    const path = /^AT_FDCWD(?:<.*?>)?, "(.*?)", .*OPEN_TREE_CLONE/.exec(rest)?.[1]
    if (call === 'open_tree' && path !== undefined) cloned.set(pid, path)
    const dir = cloned.get(pid)
    if (call !== 'mount_setattr' || dir === undefined) continue
    if (!/MOUNT_ATTR_RDONLY/.test(rest) && !given.has(dir)) given.set(dir, at)
  }
  return given
}

/**
 * Returns the paths in directories that a build can write, if processes in the host's user namespace used them in a way that a build could
 * redirect with a link.
 */
export function redirectable(trace: string): PathUse[] {
  const given = [...givenAway(trace)]
  return pathsUsed(trace).filter(({ at, path, program }) => {
    if (TREE_TOOLS.test(program)) return false
    // The trace does not show to which directory the descriptor refers.
    if (path.startsWith('/proc/self/fd/')) return true
    if (ALWAYS_WRITABLE.test(path)) return true
    return given.some(([dir, since]) => {
      if (since >= at || !path.startsWith(`${dir}/`)) return false
      // If the directory contains an overlay, the build can write only to the upper directory of the overlay.
      const below = path.slice(dir.length + 1)
      return isOverlay(trace, dir) ? /^upper\/./.test(below) : true
    })
  })
}

/** Returns whether a directory contains the upper and work directories of an overlay. */
function isOverlay(trace: string, dir: string): boolean {
  return trace.includes(`"${dir}/work"`)
}
