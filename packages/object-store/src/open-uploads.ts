import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Configuration } from '@copr/contract/configuration'
import type * as bucket from './open-bucket.ts'
import { bucketUploads, directoryUploads, type Uploads } from './uploads.ts'

/** Loads the S3 client only when it is needed: the SDK takes 40 MB of memory. */
const load = createRequire(import.meta.url)

/** Opens the store for uploads. `uploads_dir` is the local folder in which they are received. */
export function openUploads({
  data_dir,
  results: { s3 },
}: Pick<Configuration, 'data_dir' | 'results'>): { uploads: Uploads; uploads_dir: string } {
  const shared = join(data_dir, 'uploads')
  if (!s3) return { uploads: directoryUploads(shared), uploads_dir: shared }
  const uploads_dir = join(data_dir, 'receiving')
  // A killed frontend may have left files here, and nothing else removes them.
  rmSync(uploads_dir, { recursive: true, force: true })
  const { openBucket } = load('./open-bucket.ts') as typeof bucket
  return { uploads: bucketUploads(openBucket(s3)), uploads_dir }
}
