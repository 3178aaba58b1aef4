import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Unused on the host: above the user ids of Debian's and Fedora's accounts, below those that systemd assigns dynamically. */
export const BUILD_UID = 61000
/** Path of the chroot's root in a sandbox. */
export const ROOT = '/build'

const SETUP = fileURLToPath(new URL('setup.sh', import.meta.url))
const ENTER = fileURLToPath(new URL('enter.sh', import.meta.url))

export type SandboxRoot =
  /** Directories stacked as an overlay, the lowest first; changes go to `changes`, which must exist and be writable. */
  | { layers: string[]; changes: string }
  /** A directory that is changed in place. */
  | { directory: string }

export interface SandboxOptions {
  /** An existing directory for this run alone, on the disk of `changes`. */
  dir: string
  root: SandboxRoot
  /**
   * - `tools`: the host's programs outside of the chroot, with the few capabilities that installing packages needs
   * - `root`: root in the chroot, with even fewer capabilities
   * - `build`: the unprivileged user in the chroot
   */
  as: 'tools' | 'root' | 'build'
  command: string[]
  cwd?: string
  /** The whole environment except for PATH. */
  env?: Record<string, string>
  /** Whether the command uses the host's network; otherwise it has only a loopback device. */
  network?: boolean
  /** Directories of the host that appear under a path of the tools' root (`/mnt/builddir` becomes `/builddir`). */
  binds?: { from: string; to: string; changes: 'kept' | 'dropped' | 'forbidden' }[]
  onOutput?: (chunk: Buffer) => void
  signal: AbortSignal
}

export interface SandboxExit {
  code: number
  /** The end of stdout and stderr. */
  output: string
}

/** Exit code of setup.sh and enter.sh when they fail before the command starts. */
const NO_SANDBOX = 199

const BIND = { kept: 'bind', dropped: 'bind-scratch', forbidden: 'bind-ro' } as const
const KEPT_BYTES = 256 * 1024

/**
 * Runs a command that sees nothing of the host except what it is given. All its processes and mounts end when it exits, when the
 * signal aborts, or when this process ends for any reason. Rejects with the signal's reason, or if the machine is at fault.
 */
export async function runSandboxed(options: SandboxOptions): Promise<SandboxExit> {
  const { signal, onOutput } = options
  signal.throwIfAborted()
  const { args, cleanUp } = await prepare(options)
  const child = spawn('setpriv', args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C in the terminal must reach only the agent, which decides what happens to the build.
    detached: true,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...options.env },
  })
  const kill = (): void => void child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  if (signal.aborted) kill()
  try {
    const { code, killedBy, output } = await collect(child, onOutput)
    signal.throwIfAborted()
    // Nothing in the sandbox can send it this signal: the OOM killer or an administrator did.
    if (killedBy !== null) throw new Error(`The sandbox was killed from outside (${killedBy})`)
    if (code === NO_SANDBOX)
      throw new Error(`Cannot set up a sandbox: ${output.trim().slice(-500)}`)
    return { code, output }
  } finally {
    signal.removeEventListener('abort', kill)
    await cleanUp()
  }
}

async function prepare(options: SandboxOptions) {
  const { dir, root, as, command, network = false, binds = [], cwd = '/' } = options
  const mountPoint = join(dir, 'tools')
  await mkdir(mountPoint, { recursive: true })
  let rootArgs: string[]
  if ('directory' in root) rootArgs = ['root', root.directory]
  else {
    await mkdir(join(root.changes, 'upper'), { recursive: true })
    // Left by an earlier mount: overlayfs requires an empty directory.
    await rm(join(root.changes, 'work'), { recursive: true, force: true })
    await mkdir(join(root.changes, 'work'))
    rootArgs = [...root.layers.flatMap((layer) => ['layer', layer]), 'state', root.changes]
  }
  const bindArgs = binds.flatMap(({ from, to, changes }) => [BIND[changes], from, to])
  const namespaces =
    `--mount --propagation private --pid --ipc --uts${network ? '' : ' --net'}`.split(' ')
  // oxfmt-ignore
  const args = [
    '--pdeathsig', 'KILL',
    'unshare', ...namespaces, '--fork', '--kill-child=KILL',
    '/bin/sh', SETUP, mountPoint, ENTER, network ? 'host' : 'none', ...rootArgs, ...bindArgs, '--',
    as, cwd, String(BUILD_UID), ...command,
  ]
  const cleanUp = (): Promise<void> => rm(mountPoint, { recursive: true, force: true })
  return { args, cleanUp }
}

async function collect(child: ChildProcess, onOutput: ((chunk: Buffer) => void) | undefined) {
  const kept: Buffer[] = []
  let keptBytes = 0
  const take = (chunk: Buffer): void => {
    onOutput?.(chunk)
    kept.push(chunk)
    keptBytes += chunk.length
    while (keptBytes > KEPT_BYTES && kept.length > 1) keptBytes -= kept.shift()?.length ?? 0
  }
  child.stdout?.on('data', take)
  child.stderr?.on('data', take)
  const [code, killedBy] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.once('error', (cause) => reject(new Error('Cannot start a sandbox', { cause })))
    child.once('close', (...end) => resolve(end))
  })
  const output = Buffer.concat(kept).toString('utf8')
  return { code: code ?? -1, killedBy, output }
}
