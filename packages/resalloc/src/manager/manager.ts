import { requeueTasksOf } from '@copr/domain/builds/lost-machines'
import {
  endedWithTasks,
  managedMachines,
  otherBuilders,
} from '@copr/domain/machines/managed-machines'
import { accrueCosts, costsOfMonth } from '@copr/domain/pools/costs'
import { gatewayUpSince } from '@copr/domain/pools/gateway-heartbeat'
import { holdManagerLease, leaveManagerLease } from '@copr/domain/pools/manager-lease'
import { allOfferings } from '@copr/domain/pools/offerings'
import { allPools, forgetPool } from '@copr/domain/pools/pools'
import { runningTasks, waitingDemand } from '@copr/domain/queue/demand'
import { runningQuotas } from '@copr/domain/queue/running-quotas'
import { PoolSet } from '../pools/pool-set.ts'
import { apply } from './apply.ts'
import { Calls } from './calls.ts'
import { later, lostBy, type ManagerContext } from './context.ts'
import type { ManagerOptions } from './manager-options.ts'
import { plan } from './plan.ts'
import { type Observed, secondsSince } from './plan-types.ts'

const LEASE_SECONDS = 20
/** An unmanaged builder that has been silent for this many seconds is no longer counted. */
const OTHERS_SEEN_SECONDS = 60
const COSTS_EVERY_SECONDS = 60

export interface Manager {
  /** Observes the current state and acts on it once. Returns false if another manager is active. */
  cycle(): Promise<boolean>
  /** Resolves when no provider call is in progress. */
  settled(): Promise<void>
  /** Gives up the lease, so that another manager can take over. */
  leave(): Promise<void>
}

/** Creates a manager, the only component that decides which machines exist; machines claim their tasks on their own. */
export function makeManager(options: ManagerOptions): Manager {
  const { db, holder, now, log, max_attempts, limits, lease_seconds = LEASE_SECONDS } = options
  const context: ManagerContext = { ...options, pools: new PoolSet(options) }
  const calls = new Calls(log)
  let isActive = false
  let costs_at: Date | undefined

  async function cycle(): Promise<boolean> {
    const holds = await holdManagerLease(db, { holder, now: now(), lease_seconds })
    if (holds !== isActive) log.info({ holder }, holds ? 'Acting' : 'Standing by')
    isActive = holds
    if (!holds) return false
    await context.pools.refresh()
    await keepAccounts()
    for (const ended of await endedWithTasks(db))
      await requeueTasksOf(db, ended.id, { ...lostBy(ended), max_attempts, now: now() })
    const observed = await observe(context, calls)
    const desired = { pools: context.pools.all().map((each) => each.desired), limits }
    await apply(context, calls, plan(observed, desired, now()))
    for (const { name, retired_at, listed_at } of observed.pools)
      // Until FORGET_SECONDS have passed, listings are still needed to find and remove resources that belong to the pool itself.
      if (
        retired_at &&
        (listed_at === null || secondsSince(retired_at, listed_at) > FORGET_SECONDS)
      )
        if (!observed.machines.some(({ pool }) => pool === name)) await forgetPool(db, name)
    return true
  }

  async function keepAccounts(): Promise<void> {
    if (secondsSince(costs_at, now()) < COSTS_EVERY_SECONDS) return
    await accrueCosts(db, now())
    costs_at = now()
  }

  return {
    cycle,
    settled: () => calls.settled(),
    leave: () => leaveManagerLease(db, holder),
  }
}

/**
 * A pool is forgotten this many seconds after it was removed from the file. By then, the sweeps, one every two minutes, have removed the
 * resources that belong to the pool itself.
 */
const FORGET_SECONDS = 900

async function observe({ db, now }: ManagerContext, calls: Calls): Promise<Observed> {
  const at = now()
  // The calls in progress are read before the tables. If they were read after them, a call that ends in between would be neither in
  // progress nor recorded, and would be repeated.
  const in_call = calls.keys()
  return {
    in_call,
    machines: await managedMachines(db),
    pools: await allPools(db),
    offerings: await allOfferings(db),
    demand: await waitingDemand(db, at),
    running: await runningTasks(db),
    quotas: await runningQuotas(db),
    others: await otherBuilders(db, later(at, -OTHERS_SEEN_SECONDS)),
    costs: await costsOfMonth(db, at),
    gateway_up_since: await gatewayUpSince(db, at),
  }
}
