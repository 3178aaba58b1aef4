import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'

/** Descriptor to which the program writes as soon as it is ready. */
export const READY_FD = 3
/** Descriptor that reaches end-of-file when this process ends, so that the program ends as well. */
export const LIFELINE_FD = 4

/** Directories of the system's own programs. */
export const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin'

export interface SupportProcess extends AsyncDisposable {
  readonly pid: number
  /** Resolves when the process ends, with the reason as a clause, for example `exit code 1: …`. */
  readonly ended: Promise<string>
}

/** How many characters of the program's messages are kept for the reason. */
const KEPT = 2000
/** How long, in milliseconds, the program may take to end by itself before it is killed. */
const END_MS = 2000

interface SupportOptions {
  signal: AbortSignal
  /** Called with each piece of output. */
  onOutput?: () => void
  /** Whether to kill the program at the end, because it ignores the lifeline. It must have no children. */
  kill_at_end?: boolean
}

/**
 * Starts a program that supports a sandbox, and waits until the program reports that it is ready. It ends when the returned value is
 * disposed, when the signal aborts, or when this process ends for any reason. `args` are options of setpriv, followed by the program and
 * its arguments. If the program changes its user ID, it must set the parent-death signal again.
 */
export async function startSupport(
  args: string[],
  { signal, onOutput, kill_at_end = false }: SupportOptions,
): Promise<SupportProcess> {
  signal.throwIfAborted()
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    // Detached, because Ctrl-C in the terminal must reach only the agent.
    detached: true,
    env: { PATH: SYSTEM_PATH },
  })
  const [, stdout, stderr, ready, lifeline] = child.stdio
  let words = ''
  const keep = (chunk: Buffer): void => void (words = `${words}${chunk.toString()}`.slice(-KEPT))
  for (const stream of [stdout, stderr, ready, lifeline]) stream?.on('error', () => undefined)
  stdout?.on('data', (chunk: Buffer) => (keep(chunk), onOutput?.()))
  stderr?.on('data', keep)
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, killed) =>
      resolve(
        `${killed === null ? `exit code ${code}` : `killed by ${killed}`}: ${words.trim() || 'no message'}`,
      ),
    )
  })
  // Lets the program end by itself, so that its parent reaps it. If the program that setpriv has started were killed, its child would
  // become an orphan.
  const cut = (): void => {
    lifeline?.destroy()
    if (kill_at_end) child.kill('SIGKILL')
  }
  signal.addEventListener('abort', cut, { once: true })
  const end = async (): Promise<void> => {
    signal.removeEventListener('abort', cut)
    cut()
    const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
    await ended
    clearTimeout(timer)
  }
  const isReady = new Promise<undefined>((resolve) =>
    (ready as Readable | null)?.once('data', () => resolve(undefined)),
  )
  const reason = await Promise.race([isReady, ended])
  if (reason !== undefined || child.pid === undefined) {
    await end()
    signal.throwIfAborted()
    throw new Error(reason ?? 'it has no process id')
  }
  return { pid: child.pid, ended, [Symbol.asyncDispose]: end }
}
