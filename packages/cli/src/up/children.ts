import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Logger } from '@copr/process/log'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const KILL_AFTER_MS = 6_000
/** Which certificates Node trusts beyond its own: the same for every component. */
const TRUST = ['NODE_USE_SYSTEM_CA', 'NODE_EXTRA_CA_CERTS']

/**
 * Starts another coprctl. The channel between the two is how the child learns that its parent is gone:
 * it stops by itself then, even when the parent was killed.
 */
export function spawnComponent(
  args: string[],
  { env = {}, log_file }: { env?: Record<string, string>; log_file: string },
): ChildProcess {
  const child = spawn(process.execPath, [MAIN, 'run', ...args], {
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
    // Ctrl-C goes to the parent alone, which stops the components in order.
    detached: true,
  })
  const log = createWriteStream(log_file, { flags: 'a', mode: 0o600 })
  log.on('error', () => undefined) // a full disk must not end the system
  child.stdout?.pipe(log, { end: false })
  child.stderr?.pipe(log, { end: false })
  child.once('close', () => log.end())
  child.on('error', () => undefined) // told by `exit` or the caller's readiness check
  return child
}

/** Asks a child to stop, and makes sure of it. */
export async function stopComponent(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
  await ended
  clearTimeout(timer)
}

/** Keeps one child running until `stop`: one that ends is started again, later each time it fails at once. */
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
      // Not `exit`: that never comes from a program that could not be started.
      child.once('close', (exit, signal) => resolve(exit ?? signal)),
    )
    stop.removeEventListener('abort', onStop)
    if (stop.aborted) return
    wait_ms = Date.now() - began > 10_000 ? 100 : Math.min(wait_ms * 2, 10_000)
    log.error({ component: name, code }, 'Component ended, starting it again')
    await sleep(wait_ms, undefined, { signal: stop }).catch(() => undefined)
  }
}
