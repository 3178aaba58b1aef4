import type { Bell } from '@copr/process/every'
import type { Logger } from '@copr/process/log'
import type { Sealer } from './data-keys.ts'
import type { Db } from './key-table.ts'

/** The dependencies that keygen's functions share. */
export interface KeygenContext {
  db: Db
  sealer: Sealer
  sign_domain: string
  now: () => Date
  log: Logger
  /** Rings when a key is taken from the pool. */
  pool_drawn: Bell
}
