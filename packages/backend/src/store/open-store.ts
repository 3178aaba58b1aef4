import { join } from 'node:path'
import type { Configuration } from '@copr/contract/configuration'
import { openBucket } from '@copr/storage/open-bucket'
import { directoryStore } from './directory-store.ts'
import type { ResultsStore } from './results-store.ts'
import { s3Store } from './s3/s3-store.ts'
import { scratchIn } from './s3/scratch.ts'

/** Where the configuration wants results to be. */
export function openStore({
  data_dir,
  results: { s3 },
}: Pick<Configuration, 'data_dir' | 'results'>): ResultsStore {
  if (!s3) return directoryStore(data_dir)
  return s3Store(openBucket(s3), scratchIn(join(data_dir, 'scratch'), s3.scratch_bytes))
}
