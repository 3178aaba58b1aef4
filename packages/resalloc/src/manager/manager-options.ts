import type { Db } from '@copr/domain/database/open'
import type { RunningLimits } from '@copr/domain/queue/claim-conditions'
import type { Logger } from '@copr/process/log'
import type { AgentRelease } from '../providers/provider.ts'
import type { ProviderMaker } from '../providers/provider-maker.ts'

export interface ManagerOptions {
  db: Db
  /** Identifies this manager: no two processes ever have the same value. */
  holder: string
  /** If a manager is killed, another one takes over after this many seconds. */
  lease_seconds?: number
  installation_id: string
  /** URL at which machines reach the gateway. */
  gateway_url: string
  /** The CA certificates, in PEM, that machines must trust to reach the gateway. */
  trusted_ca?: string
  agent: () => Promise<AgentRelease>
  makeProvider: ProviderMaker
  /** Returns the text of pools.yaml; rejects if it cannot be read. */
  readPools: () => Promise<string>
  limits: RunningLimits
  /** Maximum number of attempts for a task whose machines are lost. */
  max_attempts: number
  now: () => Date
  log: Logger
  /** Starts the next cycle at once, because something has happened that it should see. */
  wake: () => void
  /** For tests: called at each fault point, where it can stop the manager as if the manager were killed. */
  at?: (point: FaultPoint) => Promise<void>
  deadlines?: Partial<Deadlines>
}

/** Points in the manager's work, one between any two effects that are visible from outside. */
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

/** The maximum duration of each kind of provider call, in milliseconds. */
export interface Deadlines {
  start: number
  stop: number
  list: number
  care: number
}

export const DEADLINES: Deadlines = { start: 60_000, stop: 60_000, list: 120_000, care: 120_000 }
