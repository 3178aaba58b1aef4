import { planFleet } from './plan-fleet.ts'
import { planLife } from './plan-life.ts'
import { accountKey, type Action, type Desired, type Observed, secondsSince } from './plan-types.ts'

/** Seconds between complete listings of an account; PROOF_SECONDS while a listing has yet to confirm that a machine has ended. */
const SWEEP_SECONDS = 120
const PROOF_SECONDS = 10

/**
 * Returns the actions that reconcile the observed state with the desired one. It keeps no state of its own, so the manager may
 * be killed at any time. An action fails if the state has changed since it was planned, and the next plan starts from the new one.
 */
export function plan(observed: Observed, desired: Desired, now: Date): Action[] {
  const life = planLife(observed, desired, now)
  return [
    ...life,
    ...planFleet(observed, desired, life, now),
    ...planListings(observed, desired, now),
  ]
}

/** Plans listings; one pool of each account lists it for all. */
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
