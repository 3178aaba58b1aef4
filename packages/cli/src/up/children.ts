import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Logger } from '@copr/process/log'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const KILL_AFTER_MS = 6_000
/** Environment variables that select certificates for Node to trust in addition to its own; every component inherits them. */
const TRUST = ['NODE_USE_SYSTEM_CA', 'NODE_EXTRA_CA_CERTS']

/**
 * Starts a component in a child process. When the parent exits, even if it is killed, the IPC channel closes and the child stops by itself.
 * `through` is a wrapper command that is put before the component's command line and executes it.
 */
export function spawnComponent(
  args: string[],
  {
    env = {},
    log_file,
    through = [],
  }: { env?: Record<string, string>; log_file: string; through?: string[] },
): ChildProcess {
  const [program = '', ...rest] = [...through, process.execPath, MAIN, 'run', ...args]
  const child = spawn(program, rest, {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: '/nonexistent',
      LC_ALL: 'C.UTF-8',
      ...Object.fromEntries(
        TRUST.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
      ),
      ...env,
    },
    // The child has its own process group, so that Ctrl-C reaches only the parent, which stops the components in order.
    detached: true,
  })
  const log = createWriteStream(log_file, { flags: 'a', mode: 0o600 })
  log.on('error', () => undefined) // a full disk must not stop the system
  child.stdout?.pipe(log, { end: false })
  child.stderr?.pipe(log, { end: false })
  child.once('close', () => log.end())
  child.on('error', () => undefined) // reported by `exit` or the caller's readiness check
  return child
}

/** Tells a child to stop, and kills it if it is still running after `KILL_AFTER_MS`. */
export async function stopComponent(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
  await ended
  clearTimeout(timer)
}

/**
 * Keeps a child running until `stop` aborts: restarts it when it exits. If it keeps exiting within 10 s of its start, waits longer each
 * time before restarting it.
 */
export async function keepComponent(
  name: string,
  start: () => ChildProcess,
  { stop, log }: { stop: AbortSignal; log: Logger },
): Promise<void> {
  let wait_ms = 100
  while (!stop.aborted) {
    const began = Date.now()
    const child = start()
    const onStop = (): void => void stopComponent(child)
    stop.addEventListener('abort', onStop, { once: true })
    const code = await new Promise<number | string | null>((resolve) =>
      // Uses `close`, because `exit` is not emitted if the program could not be started.
      child.once('close', (exit, signal) => resolve(exit ?? signal)),
    )
    stop.removeEventListener('abort', onStop)
    if (stop.aborted) return
    wait_ms = Date.now() - began > 10_000 ? 100 : Math.min(wait_ms * 2, 10_000)
    log.error({ component: name, code }, 'Component exited, restarting it')
    await sleep(wait_ms, undefined, { signal: stop }).catch(() => undefined)
  }
}
