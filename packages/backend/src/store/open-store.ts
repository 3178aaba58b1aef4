import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Configuration } from '@copr/contract/configuration'
import type * as bucket from '@copr/object-store/open-bucket'
import { directoryStore } from './directory-store.ts'
import type { ResultsStore } from './results-store.ts'
import { s3Store } from './s3/s3-store.ts'
import { scratchIn } from './s3/scratch.ts'

/** Loads the S3 client only when it is needed, because the SDK takes 40 MB of memory. */
const load = createRequire(import.meta.url)

/** Opens the results store that the configuration selects: a bucket, or a folder. */
export function openStore({
  data_dir,
  results: { s3 },
}: Pick<Configuration, 'data_dir' | 'results'>): ResultsStore {
  if (!s3) return directoryStore(data_dir)
  const { openBucket } = load('@copr/object-store/open-bucket') as typeof bucket
  return s3Store(openBucket(s3), scratchIn(join(data_dir, 'scratch'), s3.scratch_bytes))
}
