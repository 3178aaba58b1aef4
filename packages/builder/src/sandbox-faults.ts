import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf } from '@copr/process/errors'
import { run } from '@copr/process/run'
import {
  causeOf,
  type Namespace,
  readNamespaceSupport,
  type SandboxStep,
} from './namespace-cause.ts'
import { delegateCgroups, halveSandboxWeight, hasCgroups } from './sandbox/cgroup.ts'
import { runSandboxed } from './sandbox/sandbox.ts'
import { readSeccompProfile } from './sandbox/seccomp.ts'

const FLAGS: Record<Namespace, string[]> = {
  mount: ['--mount', '--propagation', 'private'],
  pid: ['--pid', '--fork'],
  ipc: ['--ipc'],
  uts: ['--uts'],
  net: ['--net'],
  user: ['--user'],
}
/**
 * Options for the namespaces that are tried together. User namespaces are tried separately, because root on the machine creates the other
 * namespaces outside of them.
 */
const TOGETHER = (['mount', 'pid', 'ipc', 'uts', 'net'] as const).flatMap((name) => FLAGS[name])

/** Maps the exit code of the script below to the step of the sandbox setup that failed. */
const STEPS: Record<number, SandboxStep> = {
  91: 'tmpfs',
  92: 'overlay',
  93: 'proc',
  94: 'loopback',
}
const TRY_STEPS = `
mount -t tmpfs tmpfs "$1" || exit 91
cd "$1" && mkdir lower upper work merged proc || exit 91
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged || exit 92
mount -t proc proc proc || exit 93
ip link set lo up || exit 94
`

const NAMES: Record<SandboxStep, string> = {
  mount: 'Cannot create mount namespaces',
  pid: 'Cannot create PID namespaces',
  ipc: 'Cannot create IPC namespaces',
  uts: 'Cannot create UTS namespaces',
  net: 'Cannot create network namespaces',
  user: 'Cannot create user namespaces',
  tmpfs: 'Cannot mount file systems',
  overlay: 'Cannot mount overlay file systems',
  proc: 'Cannot mount /proc in a new PID namespace',
  loopback: 'Cannot bring up the loopback device of a new network namespace',
}

/**
 * Returns why this machine cannot run a build sandbox, as sentences for the administrator; empty if it can. Tries to run one in `parent`.
 */
export async function sandboxFaults(parent = tmpdir()): Promise<string[]> {
  if ((await readSeccompProfile()) === undefined) return [NO_PROFILE]
  const failed = await failedStep()
  if (failed) {
    const { step, words } = failed
    return [`${NAMES[step]} (${words}): ${causeOf(step, words, readNamespaceSupport())}`]
  }
  if (!(await hasCgroups())) return [NO_CGROUPS]
  await delegateCgroups()
  await halveSandboxWeight()
  const reason = await sandboxFailure(parent)
  return reason === undefined ? [] : [`Cannot run a sandbox: ${reason}`]
}

const NO_PROFILE =
  'The seccomp profile for containers is missing: install the package containers-common (dnf), or golang-github-containers-common (apt)'
const NO_CGROUPS =
  'Control groups are not mounted at /sys/fs/cgroup: run "mount -t cgroup2 cgroup2 /sys/fs/cgroup", or give this container access to its own (podman, docker: --cgroupns private)'
const PROBE_MS = 60_000

/** Runs a sandbox that does nothing; returns why this failed, or undefined if it succeeded. */
async function sandboxFailure(parent: string): Promise<string | undefined> {
  const dir = await mkdtemp(join(parent, 'copr-check-'))
  try {
    const root = { layers: [join(dir, 'lower')], changes: join(dir, 'changes') }
    await mkdir(root.layers[0] ?? dir)
    await mkdir(root.changes)
    const signal = AbortSignal.timeout(PROBE_MS)
    const { code, output } = await runSandboxed({ root, as: 'tools', command: ['true'], signal })
    return code === 0 ? undefined : output.trim().slice(-300)
  } catch (error) {
    return messageOf(error)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function failedStep(): Promise<{ step: SandboxStep; words: string } | undefined> {
  const dir = await mkdtemp(join(tmpdir(), 'copr-check-'))
  try {
    const place = join(dir, 'try')
    await mkdir(place)
    const tried = await run('unshare', [...TOGETHER, '/bin/sh', '-c', TRY_STEPS, 'sh', place])
    if (tried.ok) {
      const user = await run('unshare', [...FLAGS.user, 'true'])
      return user.ok ? undefined : { step: 'user', words: wordsOf(user.output) }
    }
    const step = STEPS[tried.exit_code ?? 0]
    if (step !== undefined) return { step, words: wordsOf(tried.output) }
    for (const [name, flags] of Object.entries(FLAGS)) {
      const one = await run('unshare', [...flags, 'true'])
      if (!one.ok) return { step: name as Namespace, words: wordsOf(one.output) }
    }
    // Each namespace can be created alone, but not all of them together.
    return { step: 'mount', words: wordsOf(tried.output) }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/**
 * Returns the first line of an error message, without the program's name and the path. Further lines are dropped, such as mount's hint
 * about dmesg.
 */
export function wordsOf(output: string): string {
  const [line = ''] = output.trim().split('\n')
  return line
    .replace(/^\w+: (?:unshare failed: |\S+: )?/, '')
    .replace(/\.$/, '')
    .slice(0, 300)
}
