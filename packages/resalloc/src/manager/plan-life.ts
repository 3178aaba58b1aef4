import type { ManagedMachine } from '@copr/domain/machines/managed-machines'
import type { Pool } from '@copr/domain/pools/pools'
import {
  type Action,
  type Desired,
  type DesiredPool,
  machineKey,
  type Observed,
  secondsSince,
} from './plan-types.ts'

/** Plans the next step in the lifecycle of each machine, regardless of demand. */
export function planLife(observed: Observed, desired: Desired, now: Date): Action[] {
  const pools = new Map(desired.pools.map((pool) => [pool.name, pool]))
  const rows = new Map(observed.pools.map((pool) => [pool.name, pool]))
  return observed.machines.flatMap((machine) => {
    const pool = pools.get(machine.pool)
    const row = rows.get(machine.pool)
    if (!pool || !row) return []
    return nextStep(machine, { pool, row, observed, now }) ?? []
  })
}

interface Context {
  pool: DesiredPool
  row: Pool
  observed: Observed
  now: Date
}

function nextStep(machine: ManagedMachine, context: Context): Action | undefined {
  const isInCall = context.observed.in_call.has(machineKey(machine))
  switch (machine.state) {
    case 'planned':
      return isInCall ? undefined : stepOfPlanned(machine, context)
    case 'launching':
    case 'booting':
      return stepOfStarting(machine, isInCall, context)
    case 'ready':
      return stepOfReady(machine, isInCall, context)
    case 'draining':
      return stepOfDraining(machine, context)
    case 'deleting':
      return isInCall || !isDue(machine, context.now) ? undefined : { kind: 'stop', machine }
    case 'gone':
      return undefined
  }
}

const isDue = ({ next_try_at }: ManagedMachine, now: Date): boolean =>
  next_try_at === null || next_try_at <= now

function stepOfPlanned(machine: ManagedMachine, { row, now }: Context): Action | undefined {
  const why = whyNoStarts(row, now)
  if (why) return { kind: 'drop', machine, why }
  const isThrottled = row.throttled_until !== null && row.throttled_until > now
  return isThrottled || !isDue(machine, now) ? undefined : { kind: 'launch', machine }
}

/** Returns why a pool may not start any machine; undefined if it may. */
export function whyNoStarts(row: Pool, now: Date): string | undefined {
  if (row.retired_at) return 'was removed from pools.yaml'
  if (row.cordoned || row.config.cordoned) return 'is cordoned'
  if (row.hold_reason !== null && (row.held_until === null || row.held_until > now))
    return `is held: ${row.hold_reason}`
  return undefined
}

function stepOfStarting(
  machine: ManagedMachine,
  isInCall: boolean,
  { pool, now }: Context,
): Action | undefined {
  const { boot_timeout } = pool.config
  if (secondsSince(machine.launching_at, now) > boot_timeout) {
    const why = `It did not enroll within ${boot_timeout} seconds`
    return { kind: 'end', machine, why, failure: 'boot' }
  }
  const repeats = machine.state === 'launching' && !isInCall && isDue(machine, now)
  return repeats ? { kind: 'launch', machine } : undefined
}

/**
 * Whether a machine has been silent for too long. Time without a running gateway does not count, because nothing received heartbeats then.
 */
function isSilent(machine: ManagedMachine, { pool, observed, now }: Context): boolean {
  const since = observed.gateway_up_since
  if (!since) return false
  const silence = secondsSince(machine.last_seen_at ?? machine.enrolled_at, now)
  return Math.min(silence, secondsSince(since, now)) > pool.config.silence_timeout
}

const SILENT = 'It stopped sending heartbeats'

function stepOfReady(
  machine: ManagedMachine,
  isInCall: boolean,
  context: Context,
): Action | undefined {
  const { pool, row, now } = context
  const { livecheck_attempts, livecheck_period, max_lifetime } = pool.config
  if (isSilent(machine, context)) return { kind: 'end', machine, why: SILENT, failure: 'lost' }
  if (machine.check_failures >= livecheck_attempts)
    return { kind: 'end', machine, why: 'It failed its health checks', failure: 'unwell' }
  if (machine.held_until)
    return machine.held_until > now
      ? undefined
      : { kind: 'drain', machine, why: 'Its hold for debugging has expired' }
  const why = row.retired_at
    ? `The pool ${pool.name} was removed from pools.yaml`
    : secondsSince(machine.enrolled_at, now) > max_lifetime
      ? `It is older than ${max_lifetime} seconds`
      : whyUsedUp(machine, context)
  if (why) return { kind: 'drain', machine, why }
  if (isInCall) return undefined
  if (machine.needs_cleaning && machine.task_id === null) return { kind: 'clean', machine }
  const isCheckDue = secondsSince(machine.checked_at ?? machine.enrolled_at, now) > livecheck_period
  return pool.can_check && isCheckDue ? { kind: 'check', machine } : undefined
}

/** Returns why an idle machine gets no further task; undefined if it may get one. */
function whyUsedUp(machine: ManagedMachine, { pool, now }: Context): string | undefined {
  if (machine.task_id !== null || machine.cordoned) return undefined
  const { reuse_opportunity_time, reuse_max_count, reuse_max_time, max_idle_age } = pool.config
  if (machine.uses === 0)
    return secondsSince(machine.enrolled_at, now) > max_idle_age
      ? `It was unused for ${max_idle_age} seconds`
      : undefined
  if (reuse_opportunity_time === 0) return 'It has finished its task'
  if (reuse_max_count > 0 && machine.uses >= reuse_max_count)
    return `It has finished ${machine.uses} tasks`
  if (reuse_max_time > 0 && secondsSince(machine.sandboxed_at, now) >= reuse_max_time)
    return `It was used for ${reuse_max_time} seconds`
  return secondsSince(machine.released_at ?? machine.sandboxed_at, now) > reuse_opportunity_time
    ? `No further task of ${machine.sandbox ?? 'any sandbox'} arrived within ${reuse_opportunity_time} seconds`
    : undefined
}

function stepOfDraining(machine: ManagedMachine, context: Context): Action | undefined {
  if (machine.held_until && machine.held_until > context.now) return undefined
  if (machine.task_id === null)
    return { kind: 'end', machine, why: machine.ended_cause ?? 'It was drained' }
  return isSilent(machine, context)
    ? { kind: 'end', machine, why: SILENT, failure: 'lost' }
    : undefined
}
