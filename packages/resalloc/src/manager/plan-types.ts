import type { PoolConfig } from '@copr/contract/pools/provider-options'
import type { ManagedMachine, OtherBuilder } from '@copr/domain/machines/managed-machines'
import type { OfferingRow } from '@copr/domain/pools/offerings'
import type { Pool } from '@copr/domain/pools/pools'
import type { RunningLimits } from '@copr/domain/queue/claim-conditions'
import type { Demand, RunningTasks } from '@copr/domain/queue/demand'
import type { RunningQuotas } from '@copr/domain/queue/running-quotas'
import type { NewReason } from '@copr/domain/queue/waiting-reasons'
import type { Offering } from '../providers/provider.ts'

/** The observed state: the rows of the database and the calls in progress. */
export interface Observed {
  readonly machines: readonly ManagedMachine[]
  readonly pools: readonly Pool[]
  readonly offerings: readonly OfferingRow[]
  readonly demand: readonly Demand[]
  readonly running: readonly RunningTasks[]
  readonly quotas: RunningQuotas
  readonly others: readonly OtherBuilder[]
  /** The cost of each pool in the current month, by pool name. */
  readonly costs: ReadonlyMap<string, number>
  /** Since when machines have been able to send heartbeats; undefined if they cannot now. */
  readonly gateway_up_since: Date | undefined
  /** Keys of the machines and accounts with a provider call in progress. */
  readonly in_call: ReadonlySet<string>
}

/** A pool's desired state. A pool that was removed from the file keeps its last configuration. */
export interface DesiredPool {
  readonly name: string
  readonly config: PoolConfig
  readonly arches: readonly string[]
  readonly tags: readonly string[]
  readonly offerings: readonly Offering[]
  readonly account: string
  readonly settle_seconds: number
  readonly is_blind: boolean
  readonly can_check: boolean
}

export interface Desired {
  readonly pools: readonly DesiredPool[]
  readonly limits: RunningLimits
}

export type Action =
  | { kind: 'create'; pool: string; offering: Offering; why: string }
  /** Requests the machine from its provider, for the first time or again with the same token. */
  | { kind: 'launch'; machine: ManagedMachine }
  /** Drops a machine that was never requested from its provider. */
  | { kind: 'drop'; machine: ManagedMachine; why: string }
  | { kind: 'drain'; machine: ManagedMachine; why: string }
  | { kind: 'end'; machine: ManagedMachine; why: string; failure?: EndFailure }
  | { kind: 'stop'; machine: ManagedMachine }
  | { kind: 'clean'; machine: ManagedMachine }
  | { kind: 'check'; machine: ManagedMachine }
  | { kind: 'list'; account: string; pool: string }
  | { kind: 'explain'; reasons: NewReason[] }

/**
 * `boot`: the machine did not enroll in time, which counts as a failure of its offering and pool. `interrupted`: the cloud reclaimed the
 * machine; this is recorded as the cause for which its task is retried.
 */
export type EndFailure = 'boot' | 'lost' | 'interrupted' | 'unwell' | 'cleaning'

export const machineKey = (machine: { id: number }): string => `machine ${machine.id}`
export const accountKey = (account: string): string => `account ${account}`

export const secondsSince = (then: Date | null | undefined, now: Date): number =>
  then ? (now.getTime() - then.getTime()) / 1000 : Infinity
