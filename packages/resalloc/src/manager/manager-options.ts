import type { Db } from '@copr/domain/database/open'
import type { RunningLimits } from '@copr/domain/queue/claim-conditions'
import type { Logger } from '@copr/process/log'
import type { AgentRelease } from '../providers/provider.ts'
import type { ProviderMaker } from '../providers/provider-maker.ts'

export interface ManagerOptions {
  db: Db
  /** Tells this manager from others: no two processes have the same one, ever. */
  holder: string
  /** A manager that was killed is replaced after so long. */
  lease_seconds?: number
  installation_id: string
  /** How machines reach the gateway. */
  gateway_url: string
  /** PEM: authorities that they need to know for that. */
  trusted_ca?: string
  agent: () => Promise<AgentRelease>
  makeProvider: ProviderMaker
  /** The text of pools.yaml. Throws when it cannot be read. */
  readPools: () => Promise<string>
  limits: RunningLimits
  /** Tries of a task when machines are lost. */
  max_attempts: number
  now: () => Date
  log: Logger
  /** Something has happened that the next plan should see at once. */
  wake: () => void
  /** For tests: the manager is killed at one of these. */
  at?: (point: FaultPoint) => Promise<void>
  deadlines?: Partial<Deadlines>
}

/** Between any two things that can be seen from outside. */
export const FAULT_POINTS = [
  'before planning',
  'planned',
  'before the start',
  'started',
  'start noted',
  'ending',
  'before the stop',
  'stopped',
  'stop noted',
  'listed',
] as const
export type FaultPoint = (typeof FAULT_POINTS)[number]

/** How long each of a provider's calls may take, in milliseconds. */
export interface Deadlines {
  start: number
  stop: number
  list: number
  care: number
}

export const DEADLINES: Deadlines = { start: 60_000, stop: 60_000, list: 120_000, care: 120_000 }
