import { noteProviderId } from '@copr/domain/machines/managed-machines'
import { type Machine, changeMachine, moveMachine } from '@copr/domain/states/machine-state'
import { nextAttempt } from '@copr/domain/machines/plan-machine'
import { allOfferings, noteAttempt, noteOfferingFailure } from '@copr/domain/pools/offerings'
import { setPool } from '@copr/domain/pools/pools'
import { messageOf } from '@copr/process/errors'
import type { ActivePool } from '../pools/pool-set.ts'
import type { StartFailure, StartOrder, StartOutcome } from '../providers/provider.ts'
import { withDeadline } from './calls.ts'
import { deadlinesOf, endMachine, later, type ManagerContext, reach } from './context.ts'
import { availableOfferings } from './pool-capacity.ts'

/** Default pauses after failed starts. Capacity usually returns within minutes, but a quota has to be raised by an administrator. */
const NO_CAPACITY_SECONDS = 180
const QUOTA_SECONDS = 600
const THROTTLED_SECONDS = 20
/** Maximum number of launch attempts for a machine. After that, the machine is given up. */
const MAX_ATTEMPTS = 12

/**
 * Requests a machine repeatedly until it starts, the outcome is unknown, or the pool has nothing available. Each attempt is recorded before
 * the call, so that the same token is used again if the manager is killed in between.
 */
export async function launchMachine(
  context: ManagerContext,
  seen: Machine,
  active: ActivePool,
): Promise<void> {
  let machine: Machine | undefined = seen
  while (machine?.state === 'planned' || machine?.state === 'launching')
    machine = await launchOnce(context, machine, active)
}

/** Makes one attempt. Returns the machine if another attempt can follow immediately; undefined if not. */
async function launchOnce(
  context: ManagerContext,
  seen: Machine,
  active: ActivePool,
): Promise<Machine | undefined> {
  const isFirst = seen.state === 'planned'
  const machine = isFirst ? await beginLaunch(context, seen) : seen
  if (!machine) return undefined
  await reach(context, 'before the start')
  const outcome = await start(context, machine, active)
  await reach(context, 'started')
  if (outcome.ok) {
    await noteStarted(context, machine, outcome)
    return undefined
  }
  return await afterFailure(context, machine, outcome, { active, isFirst })
}

async function beginLaunch(
  { db, now }: ManagerContext,
  machine: Machine,
): Promise<Machine | undefined> {
  const attempt = machine.attempt + 1
  const launching_at = machine.launching_at ?? now()
  const moved = await moveMachine(db, machine, {
    to: 'launching',
    now: now(),
    text: `attempt ${attempt}: ${machine.offering}`,
    set: { attempt, launching_at, next_try_at: null, failure_class: null, failure_text: null },
  })
  if (moved?.offering) await noteAttempt(db, moved.pool, moved.offering)
  return moved
}

async function start(
  context: ManagerContext,
  machine: Machine,
  { provider }: ActivePool,
): Promise<StartOutcome> {
  const milliseconds = (provider.start_seconds ?? 0) * 1000 || deadlinesOf(context).start
  try {
    const order = startOrder(context, machine)
    return await withDeadline(milliseconds, (signal) => provider.start(order, signal))
  } catch (error) {
    return { ok: false, failure: 'unknown', message: messageOf(error) }
  }
}

function startOrder({ installation_id }: ManagerContext, machine: Machine): StartOrder {
  const { launch_order, launch_token, id_in_pool, counters, name, pool } = machine
  if (!launch_order || launch_token === null)
    throw new Error(`Cannot start machine ${machine.id}: its launch order has been deleted`)
  return {
    installation_id,
    machine_id: machine.id,
    pool,
    name,
    launch_token,
    counters,
    offering: launch_order.offering,
    boot: launch_order.boot,
    id_in_pool: id_in_pool ?? 0,
    ...expiryOf(machine),
  }
}

/** Returns when the machine expires. The time is derived only from stored values, so that a retried start sends an identical request. */
function expiryOf({ launching_at, launch_order }: Machine): { expires_at?: Date } {
  if (!launching_at || !launch_order) return {}
  return { expires_at: later(launching_at, launch_order.boot.dead_man.lifetime_seconds) }
}

/** Records the provider's ID of the machine, and moves the machine to `booting` unless it has already enrolled or been given up. */
async function noteStarted(
  context: ManagerContext,
  machine: Machine,
  { provider_id, data }: { provider_id: string; data: Record<string, unknown> },
): Promise<void> {
  const { db, log, now } = context
  await noteProviderId(db, machine, { provider_id, data })
  await moveMachine(db, machine, { to: 'booting', now: now(), text: provider_id })
  const facts = { machine_id: machine.id, pool: machine.pool, provider_id }
  log.info({ ...facts, offering: machine.offering }, 'Machine started')
  await reach(context, 'start noted')
}

type Failed = Extract<StartOutcome, { ok: false }>

async function afterFailure(
  context: ManagerContext,
  machine: Machine,
  failed: Failed,
  { active, isFirst }: { active: ActivePool; isFirst: boolean },
): Promise<Machine | undefined> {
  const { db, log, now } = context
  const { failure, message } = failed
  const facts = { machine_id: machine.id, pool: machine.pool, failure, reason: message }
  log.warn({ ...facts, offering: machine.offering }, 'Cannot start a machine')
  const noted = { failure_class: failure, failure_text: message }
  if (failure === 'unknown') {
    // The pause is as long as the attempts have taken so far, but between 5 and 60 seconds.
    const tried = (now().getTime() - (machine.launching_at ?? now()).getTime()) / 1000
    const seconds = Math.min(60, Math.max(5, tried))
    const next_try_at = later(now(), failed.retry_seconds ?? seconds)
    await changeMachine(db, machine, { ...noted, next_try_at })
    return undefined
  }
  await punish(context, machine, failed)
  context.wake()
  const again = await another(context, machine, failed, active)
  if (again) {
    const set = { ...again, ...noted }
    const moved = await moveMachine(db, machine, { to: 'planned', now: now(), text: message, set })
    // If `next_try_at` is set, a later cycle makes the next attempt.
    return again.next_try_at ? undefined : moved
  }
  const why = `The start failed (${failure}): ${message}`
  // An earlier attempt with this token may have succeeded although its response was lost, so there may be a machine to end.
  if (!isFirst || machine.failure_class === 'unknown') await endMachine(context, machine, { why })
  else
    await moveMachine(db, machine, {
      to: 'gone',
      now: now(),
      text: why,
      set: { ...noted, ended_cause: why },
    })
  return undefined
}

/** Suspends the offering, its group or the pool, for as long as the failure class requires. */
async function punish(
  { db, log, now }: ManagerContext,
  { pool, offering, launch_order }: Machine,
  { failure, message, retry_seconds }: Failed,
): Promise<void> {
  const noted = { failure_class: failure, failure_text: message }
  const of = { pool, name: offering ?? '' }
  const until = (seconds: number): Date => later(now(), retry_seconds ?? seconds)
  switch (failure) {
    case 'no_capacity':
      return await noteOfferingFailure(
        db,
        of,
        { ...noted, unavailable_until: until(NO_CAPACITY_SECONDS) },
        now(),
      )
    case 'quota': {
      const group = launch_order?.offering.group ?? ''
      const unavailable_until = until(QUOTA_SECONDS)
      return await noteOfferingFailure(db, { ...of, group }, { ...noted, unavailable_until }, now())
    }
    case 'throttled':
      return await setPool(db, pool, { throttled_until: until(THROTTLED_SECONDS) })
    case 'permission':
    case 'configuration': {
      // Permissions and images can also change without a change to the pool's configuration, so the pool may be tried again after
      // `retry_seconds`.
      const held_until = retry_seconds === undefined ? null : until(retry_seconds)
      log.error({ pool, reason: message, held_until }, 'Pool held until its configuration changes')
      return await setPool(db, pool, { hold_reason: message, held_until })
    }
    case 'token_spent':
    case 'unknown':
  }
}

type Again = Partial<ReturnType<typeof nextAttempt>> & { next_try_at: Date | null }

/** Returns the changes to the machine for its next attempt; undefined if there will be none. */
async function another(
  { db, now }: ManagerContext,
  machine: Machine,
  { failure, retry_seconds }: { failure: StartFailure; retry_seconds?: number },
  { desired }: ActivePool,
): Promise<Again | undefined> {
  if (failure === 'throttled')
    return { next_try_at: later(now(), retry_seconds ?? THROTTLED_SECONDS) }
  if (failure === 'permission' || failure === 'configuration') return undefined
  if (machine.attempt >= MAX_ATTEMPTS) return undefined
  const available = availableOfferings(
    desired.offerings,
    await allOfferings(db),
    machine.pool,
    now(),
  )
  const same = available.find((each) => each.name === machine.offering)
  const offering = failure === 'token_spent' && same ? same : available[0]
  if (!offering) return undefined
  return {
    ...nextAttempt(machine, offering),
    next_try_at: failure === 'token_spent' ? later(now(), 1) : null,
  }
}
