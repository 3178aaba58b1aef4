import { spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * Takes a lock on a file, shared or exclusive; returns undefined if `wait` is false and another process holds the lock. A child process
 * holds the lock as long as its standard input is open, so the lock is also released when this process is killed.
 */
export async function takeLock(
  path: string,
  options: { shared?: boolean; wait?: boolean; signal?: AbortSignal } = {},
): Promise<AsyncDisposable | undefined> {
  const { shared = false, wait = true, signal } = options
  const args = [shared ? '--shared' : '--exclusive', ...(wait ? [] : ['--nonblock'])]
  const child = spawn('flock', [...args, path, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  const kill = (): void => void child.kill('SIGKILL')
  signal?.addEventListener('abort', kill, { once: true })
  try {
    const [event] = (await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit'),
    ])) as unknown[]
    signal?.throwIfAborted()
    if (!Buffer.isBuffer(event)) {
      if (!wait && event === 1) return undefined
      throw new Error(`Cannot lock ${path}`)
    }
  } finally {
    signal?.removeEventListener('abort', kill)
  }
  return {
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

/** Takes a lock like {@link takeLock}, but always waits as long as necessary. */
export async function holdLock(
  path: string,
  options: { shared?: boolean; signal?: AbortSignal } = {},
): Promise<AsyncDisposable> {
  const lock = await takeLock(path, options)
  if (!lock) throw new Error(`Cannot lock ${path}`)
  return lock
}
