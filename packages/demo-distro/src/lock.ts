import { spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * Waits for an exclusive lock on a file. A child process holds the lock as long as its standard input is open, so the lock is released even
 * if this process is killed.
 */
export async function holdLock(path: string, signal?: AbortSignal): Promise<AsyncDisposable> {
  const child = spawn('flock', [path, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const onAbort = () => child.kill()
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const [event] = (await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])) as [
      Buffer | number | null,
    ]
    signal?.throwIfAborted()
    if (!Buffer.isBuffer(event)) throw new Error(`Cannot lock ${path}`)
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
  return {
    async [Symbol.asyncDispose]() {
      // Ctrl-C in a terminal also kills the child, before this code runs.
      if (child.exitCode !== null || child.signalCode !== null) return
      child.stdin.end()
      await once(child, 'exit')
    },
  }
}
