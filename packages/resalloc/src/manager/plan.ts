import { planFleet } from './plan-fleet.ts'
import { planLife } from './plan-life.ts'
import { accountKey, type Action, type Desired, type Observed, secondsSince } from './plan-types.ts'

/**
 * Seconds between complete listings of an account: PROOF_SECONDS while a listing must still confirm that a machine has ended, SWEEP_SECONDS
 * at other times.
 */
const SWEEP_SECONDS = 120
const PROOF_SECONDS = 10

/**
 * Returns the actions that bring the observed state closer to the desired one. The function keeps no state, so the manager may be killed at
 * any time. If the state has changed since an action was planned, the action fails, and the next plan is based on the new state.
 */
export function plan(observed: Observed, desired: Desired, now: Date): Action[] {
  const life = planLife(observed, desired, now)
  return [
    ...life,
    ...planFleet(observed, desired, life, now),
    ...planListings(observed, desired, now),
  ]
}

/** Plans listings. For each account, one pool makes the listing for all pools of the account. */
function planListings(
  { machines, pools, in_call }: Observed,
  desired: Desired,
  now: Date,
): Action[] {
  const rows = new Map(pools.map((pool) => [pool.name, pool]))
  const accounts = Map.groupBy(
    desired.pools.filter((pool) => !pool.is_blind),
    (pool) => pool.account,
  )
  const actions: Action[] = []
  for (const [account, members] of accounts) {
    if (in_call.has(accountKey(account))) continue
    const names = new Set(members.map((pool) => pool.name))
    const tried = members.flatMap((pool) => rows.get(pool.name)?.list_tried_at ?? [])
    const age = Math.min(...tried.map((at) => secondsSince(at, now)), Infinity)
    const needsProof = machines.some(
      ({ pool, state, stopped_at, absent_since }) =>
        names.has(pool) && ((state === 'deleting' && stopped_at !== null) || absent_since !== null),
    )
    const [first] = members
    if (first && age >= (needsProof ? PROOF_SECONDS : SWEEP_SECONDS))
      actions.push({ kind: 'list', account, pool: first.name })
  }
  return actions
}
