import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEmbeddedPostgres } from '@copr/domain/database/embedded-postgres'
import { untilAborted } from '@copr/process/every'
import type { Logger } from '@copr/process/log'
import type { StartedMachine } from '@copr/resalloc/local-pool'
import { keepComponent, spawnComponent, stopComponent } from './children.ts'
import type { EmbeddedSystem, Layout } from './data-dir.ts'

interface Watch {
  paths: Layout
  stop: AbortSignal
  log: Logger
}

/** A supervised child process. `ready` resolves when the process first responds; `ended` resolves after it was stopped. */
export interface Kept {
  ready: Promise<void>
  ended: Promise<void>
}

/** Keeps PostgreSQL running until `stop` aborts: restarts it on the same port if it is killed. */
export function keepPostgres({ postgres }: EmbeddedSystem, { paths, stop, log }: Watch): Kept {
  const output = createWriteStream(join(paths.logs, 'postgres.log'), { flags: 'a', mode: 0o600 })
  output.on('error', () => undefined) // a full disk must not stop the system
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>()
  const runOnce = async (): Promise<void> => {
    await using server = await startEmbeddedPostgres({
      dir: paths.postgres,
      port: postgres.port,
      password: postgres.password,
      onOutput: (chunk) => void output.write(chunk),
    })
    resolve()
    await Promise.race([server.ended, untilAborted(stop)])
  }
  const keep = async (): Promise<void> => {
    await runOnce()
    while (!stop.aborted) {
      log.error('PostgreSQL exited, restarting it')
      await runOnce().catch((err: unknown) =>
        log.error({ err }, 'Cannot restart PostgreSQL, retrying'),
      )
      await sleep(200)
    }
    output.end()
  }
  const ended = keep()
  ended.catch(reject)
  return { ready, ended }
}

/** Keeps keygen running until `stop` aborts. If it exits before it is ready for the first time, `ready` rejects. */
export function keepKeygen({ paths, stop, log }: Watch): Kept {
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>()
  const log_file = join(paths.logs, 'keygen.log')
  const start = (): ReturnType<typeof spawnComponent> => {
    const child = spawnComponent(['keygen', '--config', paths.config], { log_file })
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-4_000)))
    child.once('message', () => resolve())
    child.once('close', () => {
      const words = said
        .trim()
        .split('\n')
        .at(-1)
        ?.replace(/^coprctl: /, '')
      reject(new Error(`Cannot start keygen: ${words || `it exited; see ${log_file}`}`))
    })
    return child
  }
  ready.catch(() => undefined) // the caller may be stopped before it awaits `ready`
  return { ready, ended: keepComponent('keygen', start, { stop, log }) }
}

/** Starts the builder with the number `slot` as a separate process. */
export function startBuilder(
  paths: Layout,
  { name, slot, enroll_token }: { name: string; slot: number; enroll_token: string },
): StartedMachine {
  const args = [
    'builder',
    '--config',
    paths.config,
    '--name',
    name,
    '--scratch-dir',
    paths.builders,
  ]
  const child = spawnComponent(args, {
    env: { COPR_ENROLL_TOKEN: enroll_token },
    log_file: join(paths.logs, `builder-${slot}.log`),
    // The builder has its own mount namespace, so that the disks of its builds are unmounted when it exits, even if it is killed.
    through: ['unshare', '--mount', '--propagation', 'slave'],
  })
  const ended = new Promise<string>((resolve) =>
    child.once('close', (code, signal) =>
      resolve(`The builder ${name} exited (${signal ?? `exit code ${code}`})`),
    ),
  )
  return { ended, stop: () => stopComponent(child) }
}

/** Returns a function with which a pool's manager starts builders; stops all of them when `stop` aborts. */
export function poolBuilders(
  paths: Layout,
  stop: AbortSignal,
): {
  start: (machine: Parameters<typeof startBuilder>[1]) => StartedMachine
  ended: Promise<void>
} {
  const running = new Set<StartedMachine>()
  const stopAll = async (): Promise<void> => {
    await untilAborted(stop)
    await Promise.all([...running].map(async (machine) => await machine.stop()))
  }
  return {
    start(machine) {
      if (stop.aborted) throw new Error(`Cannot start ${machine.name}: the system is stopping`)
      const builder = startBuilder(paths, machine)
      running.add(builder)
      void builder.ended.then(() => running.delete(builder))
      return builder
    },
    ended: stopAll(),
  }
}
