import type { Db } from '@copr/domain/database/open'

export interface FleetScenario {
  db: Db
  hours: number
  builds: number
  owners: number
  /** Builds that one user submits at once. */
  burst: { at_hour: number; builds: number }
  machines: number
  /** The mean duration of a build; durations are exponentially distributed. */
  mean_seconds: number
  boot_failures: number
  interruptions: number
  restart_every_hours: number
  tick_seconds: number
  onHour?: (hour: number, sample: Sample | undefined) => void
}

export interface Sample {
  seconds: number
  waiting: number
  running: number
  machines: number
}

export interface FleetOutcome {
  samples: Sample[]
  /** Seconds that builds waited for a machine, except the builds of the burst's owner. */
  waits: number[]
  burst_waits: number[]
  builds: number
  /** Builds that did not end; `doubled` counts those that ended twice. */
  unfinished: number
  doubled: number
  machines_made: number
  interrupted: number
  boot_failed: number
  restarts: number
  /** Maximum time that a machine existed after it was no longer needed. */
  longest_leftover_seconds: number
  /** Machines that exist in the cloud at the end without a living row. */
  orphans: number
  cost: Map<string, number>
}
