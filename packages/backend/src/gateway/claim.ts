import { randomUUID } from 'node:crypto'
import type { ClaimAnswer } from '@copr/contract/builder-protocol'
import { claimOrder } from '@copr/domain/machines/claim-order'
import type { Machine } from '@copr/domain/states/machine-state'
import { claimTask } from '@copr/domain/queue/claim-task'
import { machinesWithWork } from '@copr/domain/queue/machines-with-work'
import type { TaskRow } from '@copr/domain/queue/leases'
import { requeueTask } from '@copr/domain/builds/task-outcomes'
import { sourceOfBuild, locationOfTask } from '@copr/domain/queue/task-context'
import { messageOf } from '@copr/process/errors'
import { resultsOf } from '../build-location.ts'
import type { Backend } from '../context.ts'
import { keptSrpm } from './send-srpm.ts'
import { PriorityLimiter } from './priority-limiter.ts'
import { taskMessage } from './task-message.ts'
import { WaitingMachines } from './waiting-machines.ts'

/**
 * Interval at which waiting machines look for a task even without a notification, because a task also becomes due when its `not_before`
 * passes.
 */
const LOOK_AGAIN_MS = 5_000
/** Maximum number of concurrent claims, each of which queries the database. Further machines wait in claim order. */
const CLAIMS_AT_A_TIME = 4

/** Maximum length of a task's first lease, in heartbeat intervals. If no heartbeat arrives in this time, the task is requeued. */
const FIRST_HEARTBEATS = 5

export type Claims = (
  machine: Machine,
  wait: { wait_ms: number; gone: AbortSignal },
) => Promise<ClaimAnswer | undefined>

/** Returns a function that waits for a task that a machine may run, and leases the task to the machine. */
export function claims(backend: Backend): Claims {
  const { db, config, log, now, notices } = backend
  const turns = new PriorityLimiter(CLAIMS_AT_A_TIME)
  const waiting = new WaitingMachines({
    find: async (ids) => await machinesWithWork(db, ids, { now: now(), limits: config.limits }),
    listen: (changed) => notices.on('copr_queue', changed),
    every_ms: LOOK_AGAIN_MS,
    log,
  })
  return async (machine, { wait_ms, gone }) => {
    const until = performance.now() + wait_ms
    // The machine is registered before the first look, so that no change between the look and the wait is missed.
    using place = waiting.add(machine.id)
    const order = await claimOrder(db, machine)
    while (!gone.aborted) {
      const answer = await turns.take(order, () => claimOnce(backend, machine, gone))
      const left_ms = until - performance.now()
      if (answer || left_ms <= 0) return answer
      await place.bell.wait(left_ms, gone)
    }
    return undefined
  }
}

async function claimOnce(
  backend: Backend,
  machine: Machine,
  gone: AbortSignal,
): Promise<ClaimAnswer | undefined> {
  const { db, config, log, now } = backend
  if (gone.aborted) return undefined
  const lease = randomUUID()
  const { heartbeat_seconds } = config.limits
  // The first heartbeat, which is sent at once, extends this to a full lease. If the response to the claim is lost, the task is soon
  // requeued.
  const lease_seconds = Math.min(config.limits.lease_seconds, heartbeat_seconds * FIRST_HEARTBEATS)
  const task = await claimTask(db, machine, {
    lease,
    now: now(),
    lease_seconds,
    limits: config.limits,
  })
  if (!task) return undefined
  const undo = async (reason: string, max_attempts: number, wait_seconds = 0): Promise<void> =>
    void (await requeueTask(db, lease, { reason, max_attempts, now: now(), wait_seconds }))
  // The machine has disconnected, so no heartbeat for this task would ever arrive.
  if (gone.aborted) {
    await undo('The builder disconnected before it received the task', Infinity)
    return undefined
  }
  try {
    const message = await taskMessage(backend, task)
    await prepare(backend, task, machine)
    const { task_id, build_id, kind } = task
    log.info({ task_id, build_id, kind, machine: machine.name }, 'Task claimed')
    return { lease, task: message }
  } catch (error) {
    await undo(messageOf(error), config.limits.max_attempts, 2)
    throw error
  }
}

/** Prepares the results folder: sets aside the logs of an earlier attempt, and notes the claim in backend.log. */
async function prepare(
  { db, store, now }: Backend,
  task: TaskRow,
  machine: Machine,
): Promise<void> {
  const results = resultsOf(await locationOfTask(db, task))
  await store.makeDir(results)
  // An SRPM is left over if the backend was killed just after the import.
  if (task.kind === 'rpm') await store.dropSrpm(keptSrpm(await sourceOfBuild(db, task.build_id)))
  const logs = [task.kind === 'import' ? 'import.log' : 'builder-live.log']
  await store.setAside(results, [...logs, ...logs.map((name) => `${name}.gz`)])
  const what = task.kind === 'import' ? 'import' : 'build'
  await store.note(
    results,
    `${now().toISOString()} ${what} claimed by ${machine.name} (try ${task.attempts})`,
  )
}
