import type { Db } from '@copr/domain/database/open'

export interface FleetScenario {
  db: Db
  hours: number
  builds: number
  owners: number
  /** A burst of builds that one user submits all at once. */
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
  /** Seconds that builds waited for a machine; excludes the builds of the burst's owner. */
  waits: number[]
  burst_waits: number[]
  builds: number
  /** `unfinished` counts the builds that did not end, `doubled` those that ended twice. */
  unfinished: number
  doubled: number
  machines_made: number
  interrupted: number
  boot_failed: number
  restarts: number
  /** Longest time in seconds that a machine existed after it was no longer needed. */
  longest_leftover_seconds: number
  /** Machines that still exist in the cloud at the end although the tables have no living row for them. */
  orphans: number
  cost: Map<string, number>
}
