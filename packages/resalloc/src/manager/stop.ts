import { type Machine, changeMachine, moveMachine } from '@copr/domain/states/machine-state'
import { messageOf } from '@copr/process/errors'
import type { ActivePool } from '../pools/pool-set.ts'
import { withDeadline } from './calls.ts'
import {
  backOff,
  countBootFailure,
  deadlinesOf,
  endMachine,
  later,
  type ManagerContext,
  reach,
  stopOrder,
} from './context.ts'

/** Seconds until a stop is retried. The pause doubles after each attempt, up to `longest`; the number of attempts is not limited. */
const RETRY = { first: 30, longest: 600 }

/** Asks the provider to end a machine. The machine is `gone` only when a listing confirms that it has ended. */
export async function stopMachine(
  context: ManagerContext,
  machine: Machine,
  { provider, desired }: ActivePool,
): Promise<void> {
  const { db, log, now } = context
  await reach(context, 'before the stop')
  // A machine that failed its own self-test counts as a boot failure. It is counted only at the first attempt to stop it.
  if (machine.delete_attempts === 0 && machine.failure_class?.startsWith('self_test'))
    await countBootFailure(context, machine, machine.failure_text ?? '')
  const asked_at = now()
  const next_try_at = later(asked_at, backOff(machine.delete_attempts, RETRY))
  const delete_attempts = machine.delete_attempts + 1
  try {
    await withDeadline(deadlinesOf(context).stop, (signal) =>
      provider.stop(stopOrder(context, machine), signal),
    )
  } catch (error) {
    const failure_text = messageOf(error)
    const facts = { machine_id: machine.id, pool: machine.pool, attempts: delete_attempts }
    log.warn({ ...facts, reason: failure_text }, 'Cannot stop a machine, retrying')
    await changeMachine(db, machine, { delete_attempts, next_try_at, failure_text })
    return
  }
  await reach(context, 'stopped')
  if (desired.is_blind) {
    await moveMachine(db, machine, { to: 'gone', now: now(), text: 'stopped' })
    return
  }
  await changeMachine(db, machine, { stopped_at: now(), delete_attempts, next_try_at })
  await reach(context, 'stop noted')
}

/** Cleans a machine between two tasks. A machine that cannot be cleaned is never used again. */
export async function cleanMachine(
  context: ManagerContext,
  machine: Machine,
  { provider }: ActivePool,
): Promise<void> {
  try {
    if (provider.clean) {
      const clean = provider.clean.bind(provider)
      await withDeadline(deadlinesOf(context).care, (signal) =>
        clean(stopOrder(context, machine), signal),
      )
    }
  } catch (error) {
    const why = `It could not be cleaned: ${messageOf(error)}`
    return await endMachine(context, machine, { why, failure: 'cleaning' })
  }
  await changeMachine(context.db, machine, { needs_cleaning: false })
  context.wake()
}

/**
 * Runs a machine's health check. An unhealthy machine gets no tasks until it recovers. After too many failures, the plan ends the machine.
 */
export async function checkMachine(
  context: ManagerContext,
  machine: Machine,
  { provider }: ActivePool,
): Promise<void> {
  if (!provider.check) return
  const check = provider.check.bind(provider)
  const isWell = await withDeadline(deadlinesOf(context).care, (signal) =>
    check(stopOrder(context, machine), signal),
  ).catch(() => false)
  await changeMachine(context.db, machine, {
    checked_at: context.now(),
    check_failures: isWell ? 0 : machine.check_failures + 1,
  })
}
