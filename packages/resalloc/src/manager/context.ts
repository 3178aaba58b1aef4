import type { LostCause } from '@copr/contract/builder-protocol'
import { requeueTasksOf } from '@copr/domain/builds/lost-machines'
import { type Machine, moveMachine } from '@copr/domain/states/machine-state'
import { noteOfferingFailure } from '@copr/domain/pools/offerings'
import { noteBootFailure } from '@copr/domain/pools/pools'
import type { StopOrder } from '../providers/provider.ts'
import type { PoolSet } from '../pools/pool-set.ts'
import {
  type Deadlines,
  DEADLINES,
  type FaultPoint,
  type ManagerOptions,
} from './manager-options.ts'
import type { EndFailure } from './plan-types.ts'

/** The options and the pools that the manager's functions share. */
export interface ManagerContext extends ManagerOptions {
  readonly pools: PoolSet
}

export function deadlinesOf({ deadlines }: ManagerContext): Deadlines {
  return { ...DEADLINES, ...deadlines }
}

/** Reports to tests that the manager has reached a fault point: see FAULT_POINTS. */
export async function reach(context: ManagerContext, point: FaultPoint): Promise<void> {
  await context.at?.(point)
}

export function later(now: Date, seconds: number): Date {
  return new Date(now.getTime() + seconds * 1000)
}

/** Returns the pause before the next attempt in seconds: `first`, doubled with each attempt, up to `longest`. */
export function backOff(
  attempts: number,
  { first, longest }: { first: number; longest: number },
): number {
  return Math.min(longest, first * 2 ** Math.min(attempts, 20))
}

export function stopOrder(context: ManagerContext, machine: Machine): StopOrder {
  return {
    installation_id: context.installation_id,
    machine_id: machine.id,
    pool: machine.pool,
    name: machine.name,
    provider_id: machine.provider_id,
    launch_token: machine.launch_token ?? '',
    data: machine.provider_data,
    id_in_pool: machine.id_in_pool ?? 0,
    counters: machine.counters,
  }
}

export interface Ending {
  why: string
  failure?: EndFailure | undefined
  /** Whether a listing has shown that the machine has ended, so that nothing is left to stop. */
  is_proved?: boolean
}

/** Ends the machine and requeues its tasks. A later cycle then makes the provider stop the machine, unless `is_proved` is set. */
export async function endMachine(
  context: ManagerContext,
  machine: Machine,
  { why, failure, is_proved = false }: Ending,
): Promise<void> {
  const { db, log, now, max_attempts } = context
  const moved = await moveMachine(db, machine, {
    to: is_proved ? 'gone' : 'deleting',
    now: now(),
    text: why,
    set: {
      ended_cause: why,
      next_try_at: null,
      ...(failure ? { failure_class: failure, failure_text: why } : {}),
    },
  })
  if (!moved) return
  log.info({ machine_id: machine.id, pool: machine.pool, reason: why }, 'Machine ends')
  await reach(context, 'ending')
  await requeueTasksOf(db, machine.id, {
    ...lostBy({ ended_cause: why, failure_class: failure ?? null }),
    max_attempts,
    now: now(),
  })
  if (failure === 'boot') await countBootFailure(context, machine, why)
}

/** Returns why a machine was lost: the reason that the build's owner sees, and the cause, which shows that the build is not at fault. */
export function lostBy({
  ended_cause: why,
  failure_class,
}: Pick<Machine, 'ended_cause' | 'failure_class'>): { reason: string; cause: LostCause } {
  return {
    reason: `The builder was lost${why ? `: ${why[0]?.toLowerCase()}${why.slice(1)}` : ''}`,
    cause: failure_class === 'interrupted' ? 'interrupted' : 'machine_lost',
  }
}

/** Counts a boot failure against the machine's offering and pool. */
export async function countBootFailure(
  { db, log, now, pools }: ManagerContext,
  machine: Machine,
  why: string,
): Promise<void> {
  const config = pools.get(machine.pool)?.desired.config
  if (!config) return
  const { boot_failure_limit: limit, boot_failure_hold } = config
  const reason = `${limit} machines in a row failed to boot`
  const held_until = later(now(), boot_failure_hold)
  if (machine.offering !== null)
    await noteOfferingFailure(
      db,
      { pool: machine.pool, name: machine.offering },
      { failure_class: 'boot', failure_text: why },
      now(),
    )
  if (await noteBootFailure(db, machine.pool, { limit, held_until, reason }))
    log.error({ pool: machine.pool, reason }, 'Pool held')
}
