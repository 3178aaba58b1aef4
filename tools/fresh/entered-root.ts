import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type RunOutcome, run, runOrThrow } from '@copr/process/run'
import { type CachedRoot, FRESH_CACHE } from './root-cache.ts'
import { HOME, keepDownloads, makeWorkDir, seedDownloads } from './work-dir.ts'

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/**
 * Runs as process 1 of the root. It exits when its standard input is closed, and all other processes are killed when it exits. A run
 * therefore leaves no process or mount behind, however the run ends. HOME and the temporary folders are on the disk itself: builders mount
 * overlays on folders in them, which is impossible if these folders are on an overlay themselves.
 */
const ENTER = `
set -e
pristine=$1 work=$2 npm=$3
mount -t overlay overlay -o "lowerdir=$pristine,upperdir=$work/upper,workdir=$work/overlay" "$work/merged"
cd "$work/merged"
mount --bind "$work/home" root
mount --bind "$work/tmp" tmp
mount --bind "$work/var-tmp" var/tmp
mount --bind "$npm" root/.npm
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
cat /etc/resolv.conf >etc/resolv.conf
pivot_root . mnt
cd /
umount -l mnt
echo entered
while read -r _; do :; done
`

/** A copy of a pristine root in namespaces of its own, but with the network of this machine. */
export interface EnteredRoot extends AsyncDisposable {
  /** Returns the path at which other processes on this machine find a path of the root. */
  onHost(path: string): string
  /** Runs a program in the root. Its only environment variables are PATH, HOME, TERM and the user's proxy and registry settings. */
  run(command: string[], options?: RunInRoot): Promise<RunOutcome>
  /** Lists the processes in the root, except the one that holds the namespaces, each with its ID and command line. */
  processes(): string[]
  /** Lists the mount points in the root. */
  mounts(): string[]
}

interface RunInRoot {
  cwd?: string
  signal?: AbortSignal
  onOutput?: (chunk: Buffer) => void
}

export interface EnterOptions {
  name: string
  cached: CachedRoot
  /** Fills the home directory before the root is entered. */
  fillHome: (dir: string) => Promise<void>
  /** Folders of the root into which cached downloads are put initially, and the suffix of the downloads' file names. */
  downloads: { folders: string[]; suffix: string }
  /** Environment variables in addition to PATH, HOME and TERM. */
  env: Record<string, string>
}

/** Enters a copy of the pristine root; the cached root itself never changes. */
export async function enterRoot(options: EnterOptions): Promise<EnteredRoot> {
  const { name, cached, downloads } = options
  await using stack = new AsyncDisposableStack()
  const work = makeWorkDir(name)
  stack.defer(async () => void (await runOrThrow('rm', ['-rf', '--one-file-system', work])))
  await options.fillHome(join(work, 'home'))
  seedDownloads(cached.downloads, work, downloads)
  // Several processes may share npm's cache; npm checks what it takes from the cache against the lock file.
  const npm = join(FRESH_CACHE, 'npm')
  mkdirSync(npm, { recursive: true })
  const holder = startHolder([cached.dir, work, npm])
  stack.defer(async () => {
    await stopHolder(holder)
    keepDownloads(cached.downloads, work, downloads)
  })
  const pid = await entered(holder)
  const ended = stack.move()
  return {
    onHost: (path) => `/proc/${pid}/root${path}`,
    run: async (command, { cwd = HOME, ...rest } = {}) =>
      await run('nsenter', [...enterArgs(pid, cwd, options.env), ...command], rest),
    processes: () => processesBelow(`/proc/${pid}/root/proc`),
    mounts: () =>
      readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
        .split('\n')
        .flatMap((line) => line.split(' ')[4] ?? []),
    [Symbol.asyncDispose]: () => ended.disposeAsync(),
  }
}

function enterArgs(pid: number, cwd: string, env: Record<string, string>): string[] {
  const settings = Object.entries({ PATH, HOME, TERM: 'dumb', ...env })
  const namespaces = [
    '--target',
    String(pid),
    '--mount',
    '--pid',
    '--ipc',
    '--root',
    '--wd=/',
    '--',
  ]
  // Runs in a session of its own: inside the namespace, the ID of a process group from outside would read as 0.
  const environment = ['setsid', 'env', '--ignore-environment', `--chdir=${cwd}`]
  return [...namespaces, ...environment, ...settings.map(([name, value]) => `${name}=${value}`)]
}

type Holder = ChildProcess & { stdin: NonNullable<ChildProcess['stdin']> }

function startHolder(args: string[]): Holder {
  const namespaces = ['--mount', '--propagation', 'private', '--pid', '--ipc']
  return spawn(
    'unshare',
    [...namespaces, '--fork', '--kill-child', 'bash', '-c', ENTER, 'bash', ...args],
    // In a session of its own, so that Ctrl-C reaches only this program, which then stops the holder in an orderly way.
    { stdio: ['pipe', 'pipe', 'pipe'], detached: true },
  )
}

/** Waits until the root has been entered; returns the ID that its process 1 has on this machine. */
async function entered(holder: Holder): Promise<number> {
  const output: Buffer[] = []
  holder.stderr?.on('data', (chunk: Buffer) => output.push(chunk))
  const first = await new Promise<string>((resolve) => {
    holder.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString()))
    holder.once('error', (error) => resolve(error.message))
    holder.once('close', () => resolve(''))
  })
  if (first.trim() !== 'entered')
    throw new Error(
      `Cannot enter the root: ${first}${Buffer.concat(output).toString().trim()}; this needs root with CAP_SYS_ADMIN, and ${FRESH_CACHE} on a file system that may hold the changes of an overlay`,
    )
  const children = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8')
  return Number(children.trim())
}

async function stopHolder(holder: Holder): Promise<void> {
  if (holder.exitCode !== null || holder.signalCode !== null) return
  const exit = once(holder, 'exit')
  holder.stdin.end()
  await exit
}

function processesBelow(proc: string): string[] {
  return readdirSync(proc)
    .filter((name) => /^\d+$/.test(name) && name !== '1')
    .flatMap((pid) => {
      try {
        const words = readFileSync(join(proc, pid, 'cmdline'), 'utf8').split('\0')
        const name = readFileSync(join(proc, pid, 'comm'), 'utf8').trim()
        return [`${pid} ${words.join(' ').trim() || `[${name}]`}`]
      } catch {
        return []
      }
    })
}
