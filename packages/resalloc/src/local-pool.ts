import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '@copr/process/errors'
import type { Logger } from '@copr/process/log'
import type { Db } from '@copr/domain/database/open'
import { createMachine, livingMachines } from '@copr/domain/machines/machines'
import { machineGone } from '@copr/domain/builds/lost-machines'

/** The pool whose machines are processes of this host. */
const POOL = 'local'
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 30_000
/** If a builder ran for longer than this, it was healthy, and its replacement starts after the shortest pause. */
const WELL_MS = 30_000

export interface StartedMachine {
  /** Resolves with the reason when the machine has ended. */
  readonly ended: Promise<string>
  stop(): Promise<void>
}

export interface LocalPoolOptions {
  db: Db
  /** Number of concurrent builders. */
  count: number
  /** Starts a builder process in one of the pool's slots, numbered from 1. */
  start: (machine: { name: string; slot: number; enroll_token: string }) => StartedMachine
  max_attempts: number
  now: () => Date
  log: Logger
  stop: AbortSignal
}

/**
 * Keeps a fixed number of builders running on this host. When a builder's process ends, its task is requeued immediately instead of when
 * its lease expires.
 */
export async function keepLocalPool(options: LocalPoolOptions): Promise<void> {
  await forgetPool(options.db, POOL, options)
  await Promise.all(
    Array.from({ length: options.count }, (_, index) => keepSlot(index + 1, options)),
  )
}

/** Records that the machines of an earlier run on this host have ended, because they no longer exist, and requeues their tasks. */
export async function forgetPool(
  db: Db,
  pool: string,
  { max_attempts, now }: { max_attempts: number; now: () => Date },
): Promise<void> {
  for (const { id } of await livingMachines(db, pool))
    await machineGone(db, id, { reason: 'The system was stopped', max_attempts, now: now() })
}

async function keepSlot(slot: number, options: LocalPoolOptions): Promise<void> {
  const { log, stop } = options
  let pause_ms = FIRST_PAUSE_MS
  while (!stop.aborted) {
    const began = performance.now()
    try {
      await runMachine(slot, options)
    } catch (err) {
      log.error({ err, slot }, 'Cannot run a builder, retrying')
    }
    if (stop.aborted) return
    pause_ms =
      performance.now() - began > WELL_MS
        ? FIRST_PAUSE_MS
        : Math.min(pause_ms * 2, LONGEST_PAUSE_MS)
    await sleep(pause_ms, undefined, { signal: stop }).catch(() => undefined)
  }
}

/** Runs one machine from start to end. */
async function runMachine(
  slot: number,
  { db, start, max_attempts, now, log, stop }: LocalPoolOptions,
): Promise<void> {
  const name = `local-${slot}`
  const { machine_id, enroll_token } = await createMachine(db, { pool: POOL, name, now: now() })
  const machine = start({ name, slot, enroll_token })
  log.info({ machine_id, name }, 'Builder started')
  const onStop = (): void => void machine.stop()
  stop.addEventListener('abort', onStop, { once: true })
  if (stop.aborted) onStop()
  const reason = await machine.ended
  stop.removeEventListener('abort', onStop)
  log.info({ machine_id, name, reason }, 'Builder ended')
  await untilDone(() => machineGone(db, machine_id, { reason, max_attempts, now: now() }), {
    log,
    stop,
  })
}

/** Retries until it succeeds or `stop` aborts: a machine's end must be recorded even if the database is down at the time. */
async function untilDone(
  work: () => Promise<void>,
  { log, stop }: { log: Logger; stop: AbortSignal },
): Promise<void> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (stop.aborted) return // the next start forgets the whole pool
      log.warn({ reason: messageOf(error) }, 'Cannot record the end of a builder, retrying')
      await sleep(500, undefined, { signal: stop }).catch(() => undefined)
    }
  }
}
