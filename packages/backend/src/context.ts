import type { Configuration } from '@copr/contract/configuration'
import type { Notices } from '@copr/domain/database/notify'
import type { Db } from '@copr/domain/database/open'
import type { KeygenClient } from '@copr/keygen-client/keygen-client'
import type { Logger } from '@copr/process/log'
import type { ResultsStore } from './store/results-store.ts'

/** The dependencies that all modules of the backend share. */
export interface Backend {
  db: Db
  notices: Notices
  config: Pick<
    Configuration,
    | 'public_url'
    | 'internal_url'
    | 'results_url'
    | 'data_dir'
    | 'limits'
    | 'listen'
    | 'allow_private_urls'
    | 'sources'
    | 'distgit_instances'
  >
  keygen: Pick<KeygenClient, 'makeKey' | 'sign' | 'changedKeys' | 'open'>
  store: ResultsStore
  log: Logger
  now: () => Date
  /** Called before each step of publishing and of forking; tests throw here to simulate a crash. */
  at?: (step: string) => void
}
