import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SelfTest, TaskKind } from '@copr/contract/builder-protocol'
import { messageOf } from '@copr/process/errors'
import type { Logger } from '@copr/process/log'
import { withLogFields } from '@copr/process/log-fields'
import { GatewayError, type GatewaySession, gatewayClient } from './gateway-client.ts'
import { INTERRUPTED, type TaskHandler } from './handler.ts'
import { retrying } from './retrying.ts'
import { runTask } from './task-run.ts'

export interface AgentOptions {
  /** The gateway's URL, without `/builder`. */
  gateway_url: string
  enroll_token: string
  name: string
  kinds: TaskKind[]
  arches: string[]
  tags?: string[]
  /** The result of the machine's self-test; the gateway refuses a machine with faults. */
  self_test?: SelfTest
  /** Runs tasks of every kind in `kinds`. */
  handlers: TaskHandler
  /** Maximum number of concurrent tasks; 1 by default. */
  concurrency?: number
  log: Logger
  /**
   * When this signal aborts, running tasks are requeued, and `runAgent` resolves. If the reason is {@link INTERRUPTED}, it is reported to
   * the gateway.
   */
  stop: AbortSignal
  fetch?: typeof globalThis.fetch
}

const CLAIM_WAIT_SECONDS = 25
const AFTER_FAILURE_MS = 1_000
const GOODBYE_MS = 5_000

/** Thrown when the machine could not be cleaned after a task. */
class UncleanMachineError extends Error {
  override readonly name = 'UncleanMachineError'
}

/**
 * Enrolls at the gateway and runs tasks until it is stopped. Rejects with a {@link GatewayError} when the gateway does not accept this
 * machine or no longer knows it; only a new enrollment token helps then. Also rejects when a task has left the machine in a state in which
 * it must not run another task.
 */
export async function runAgent(options: AgentOptions): Promise<void> {
  const { log } = options
  const failed = new AbortController()
  const stop = AbortSignal.any([options.stop, failed.signal])
  const client = gatewayClient(options.gateway_url, options.fetch)
  try {
    const enrolled = await enroll(client, options, stop)
    log.info({ machine_id: enrolled.machine_id }, 'Enrolled')
    const session = client.session(enrolled.session_token)
    const agent = { ...options, stop, session, heartbeat_seconds: enrolled.heartbeat_seconds }
    const loops = Array.from({ length: options.concurrency ?? 1 }, () => claimLoop(agent))
    for (const loop of loops) loop.catch((error: unknown) => failed.abort(error))
    // Waits for all loops, not only for the first that ends: if one fails, the others are stopped, and none may be left running.
    const ends = await Promise.allSettled(loops)
    await sayGoodbye(session, options.stop, failed.signal)
    for (const end of ends) if (end.status === 'rejected') throw failed.signal.reason
  } catch (error) {
    if (options.stop.aborted && !failed.signal.aborted) return
    throw error
  }
}

/** Reports an unclean or interrupted machine to the gateway, which would otherwise learn of it only from missing heartbeats. */
async function sayGoodbye(
  session: GatewaySession,
  stop: AbortSignal,
  failed: AbortSignal,
): Promise<void> {
  const unclean = failed.reason instanceof UncleanMachineError && failed.reason.message
  const isInterrupted = stop.aborted && stop.reason === INTERRUPTED
  if (unclean === false && !isInterrupted) return
  const request =
    unclean === false
      ? { cause: 'interrupted' as const, reason: 'The cloud provider reclaimed the machine' }
      : { cause: 'cannot_clean' as const, reason: unclean.slice(0, 2000) }
  // The agent stops even if this request fails; the gateway then notices the missing heartbeats.
  await session.goodbye(request, AbortSignal.timeout(GOODBYE_MS)).catch(() => undefined)
}

async function enroll(
  client: ReturnType<typeof gatewayClient>,
  options: AgentOptions,
  signal: AbortSignal,
) {
  const { enroll_token, name, kinds, arches, tags = [], self_test, log } = options
  const request = { enroll_token, name, kinds, arches, tags, self_test }
  return await retrying(() => client.enroll(request, signal), { signal, log, what: 'enrollment' })
}

type Agent = AgentOptions & { session: GatewaySession; heartbeat_seconds: number }

/** Claims and runs tasks, one at a time; throws when the session is lost or the machine could not be cleaned. */
async function claimLoop(agent: Agent): Promise<void> {
  const { session, stop, log } = agent
  let unclean: string | undefined
  const onUnclean = (reason: string): void => void (unclean ??= reason)
  while (!stop.aborted) {
    try {
      const claim = await retrying(() => session.claim(CLAIM_WAIT_SECONDS, stop), {
        signal: stop,
        log,
        what: 'claim',
      })
      if (!claim) continue
      const { task, lease } = claim
      const gateway = session.task(task.task_id, lease)
      const { handlers: handler, heartbeat_seconds } = agent
      const { task_id, build_id } = task
      // All requests to the gateway for this task have the same request ID.
      await withLogFields({ request_id: randomUUID(), build_id, task_id }, async () => {
        log.info('Claimed task')
        const run = { gateway, task, lease, handler, heartbeat_seconds, log, stop, onUnclean }
        await runTask(run)
      })
      if (unclean !== undefined) throw new UncleanMachineError(unclean)
    } catch (error) {
      if (stop.aborted) return
      if (error instanceof UncleanMachineError) throw error
      if (error instanceof GatewayError && error.kind === 'session_lost') throw error
      log.error({ reason: messageOf(error) }, 'Cannot claim a task, retrying')
      await sleep(AFTER_FAILURE_MS, undefined, { signal: stop }).catch(() => undefined)
    }
  }
}
