import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'

/** Descriptor to which the program writes as soon as it is ready. */
export const READY_FD = 3
/** Descriptor that reaches its end when this process ends: the program then ends as well. */
export const LIFELINE_FD = 4

/** Directories of the system's own programs. */
export const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin'

export interface SupportProcess extends AsyncDisposable {
  readonly pid: number
  /** Resolves with the reason as a clause when the process ends, for example `exit code 1: …`. */
  readonly ended: Promise<string>
}

/** Maximum number of characters of the program's messages that are kept for the reason. */
const KEPT = 2000
/** Milliseconds that the program is given to end by itself. */
const END_MS = 2000

interface SupportOptions {
  signal: AbortSignal
  /** Called with each piece of output. */
  onOutput?: () => void
  /** Whether to kill the program at the end, because it ignores the lifeline. It must have no children. */
  kill_at_end?: boolean
}

/**
 * Starts a program that supports a sandbox, and waits until it reports that it is ready. It ends when the returned value is disposed,
 * when the signal aborts, or when this process ends for any reason. `args` begin with setpriv's options, then a program that sets
 * the parent-death signal again if it changes its user id.
 */
export async function startSupport(
  args: string[],
  { signal, onOutput, kill_at_end = false }: SupportOptions,
): Promise<SupportProcess> {
  signal.throwIfAborted()
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    // Ctrl-C in the terminal must reach only the agent.
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
  // A program that ends by itself is reaped by its parent; if setpriv's program is killed, its child becomes an orphan.
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
