import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

/** How long a script's children may keep its output open after the script has ended. */
const DRAIN_MS = 500
const KEPT_ERROR_BYTES = 4096

export interface ScriptOptions {
  /** The whole environment. */
  env: Record<string, string>
  /** When aborted, the script and all processes that it started are killed. */
  signal: AbortSignal
  max_output_bytes: number
}

export interface ScriptEnd {
  /** Exit code; null if the script was killed. */
  code: number | null
  /** The first `max_output_bytes` of stdout; `is_cut` is set if there was more. */
  output: string
  is_cut: boolean
  /** The end of stderr. */
  errors: string
}

/** Runs a command from a pool's configuration in a shell, as resalloc does, and in a process group of its own. */
export async function runScript(
  command: string,
  { env, signal, max_output_bytes }: ScriptOptions,
): Promise<ScriptEnd> {
  signal.throwIfAborted()
  const child = spawn('/bin/sh', ['-c', command], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const kill = (): void => killGroup(child)
  signal.addEventListener('abort', kill, { once: true })
  const out: Buffer[] = []
  let size = 0
  let errors = Buffer.alloc(0)
  child.stdout.on('data', (chunk: Buffer) => {
    if (size < max_output_bytes) out.push(chunk.subarray(0, max_output_bytes - size))
    size += chunk.length
  })
  child.stderr.on('data', (chunk: Buffer) => {
    errors = Buffer.concat([errors, chunk]).subarray(-KEPT_ERROR_BYTES)
  })
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', resolve)
    })
    // A child process that the script left in the background must not delay the end of the script.
    await Promise.race([closed(child), sleep(DRAIN_MS)])
    child.stdout.destroy()
    child.stderr.destroy()
    signal.throwIfAborted()
    return {
      code,
      output: Buffer.concat(out).toString('utf8'),
      is_cut: size > max_output_bytes,
      errors: errors.toString('utf8').trim(),
    }
  } finally {
    signal.removeEventListener('abort', kill)
  }
}

function closed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('close', () => resolve()))
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // the process has already ended
  }
}
