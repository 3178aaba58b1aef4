import type { PoolConfig } from '@copr/contract/pools/provider-options'
import type { ManagedMachine, OtherBuilder } from '@copr/domain/machines/managed-machines'
import type { OfferingRow } from '@copr/domain/pools/offerings'
import type { Pool } from '@copr/domain/pools/pools'
import type { RunningLimits } from '@copr/domain/queue/claim-conditions'
import type { Demand, RunningTasks } from '@copr/domain/queue/demand'
import type { NewReason } from '@copr/domain/queue/waiting-reasons'
import type { Offering } from '../providers/provider.ts'

/** The observed state: the rows of the database and the calls in progress. */
export interface Observed {
  readonly machines: readonly ManagedMachine[]
  readonly pools: readonly Pool[]
  readonly offerings: readonly OfferingRow[]
  readonly demand: readonly Demand[]
  readonly running: readonly RunningTasks[]
  readonly others: readonly OtherBuilder[]
  /** Pool → what it has cost in this month. */
  readonly costs: ReadonlyMap<string, number>
  /** Since when machines could say that they live; undefined: they cannot now. */
  readonly gateway_up_since: Date | undefined
  /** Machines and accounts that a provider's call is under way for. */
  readonly in_call: ReadonlySet<string>
}

/** A pool as it should be. One that left the file has the configuration that it had. */
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
  /** Asks for the machine, for the first time or again with the same token. */
  | { kind: 'launch'; machine: ManagedMachine }
  /** Was never asked for. */
  | { kind: 'drop'; machine: ManagedMachine; why: string }
  | { kind: 'drain'; machine: ManagedMachine; why: string }
  | { kind: 'end'; machine: ManagedMachine; why: string; failure?: EndFailure }
  | { kind: 'stop'; machine: ManagedMachine }
  | { kind: 'clean'; machine: ManagedMachine }
  | { kind: 'check'; machine: ManagedMachine }
  | { kind: 'list'; account: string; pool: string }
  | { kind: 'explain'; reasons: NewReason[] }

/**
 * `boot`: it has not enrolled in time, which counts against its offering and pool. `interrupted`: its cloud took it back, which
 * its task is told.
 */
export type EndFailure = 'boot' | 'lost' | 'interrupted' | 'unwell' | 'cleaning'

export const machineKey = (machine: { id: number }): string => `machine ${machine.id}`
export const accountKey = (account: string): string => `account ${account}`

export const secondsSince = (then: Date | null | undefined, now: Date): number =>
  then ? (now.getTime() - then.getTime()) / 1000 : Infinity
