import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { Configuration } from '@copr/contract/configuration'
import type { Bucket } from '@copr/object-store/bucket'
import { openBucket } from '@copr/object-store/open-bucket'
import { bucketUploads } from '@copr/object-store/uploads'
import { type Moto, startMoto } from '@copr/testkit/python/moto'
import type { ResultsStore } from '../src/store/results-store.ts'
import { s3Store } from '../src/store/s3/s3-store.ts'
import { scratchIn } from '../src/store/s3/scratch.ts'
import type { StoreFixture } from '../src/testing/store-fixture.ts'

const BUCKET = 'copr-results'
const MB = 1024 ** 2

export interface S3Fixture extends StoreFixture {
  bucket: Bucket
  config: Record<string, unknown>
  /** Opens a store that uses the bucket through the wrapper that `change` returns. */
  through(change: (bucket: Bucket) => Bucket): ResultsStore
  /** The keys of all objects. */
  keys(): Promise<string[]>
}

let server: Promise<Moto> | undefined
let fixtures = 0

/** Opens a store with its own key prefix in a bucket of the S3 server that all tests of a process share. */
export async function s3Fixture(): Promise<S3Fixture> {
  server ??= startServer()
  const { url } = await server
  const config = {
    endpoint: url,
    bucket: BUCKET,
    prefix: `fixture-${++fixtures}/`,
    access_key_id: 'test',
    secret_access_key: 'test',
    scratch_bytes: 64 * MB,
  }
  const bucket = openBucket(s3Config(config))
  const dir = await mkdtemp(join(tmpdir(), 'copr-s3-'))
  let stores = 0
  const through = (change: (bucket: Bucket) => Bucket): ResultsStore =>
    s3Store(change(bucket), scratchIn(join(dir, `scratch-${++stores}`), 64 * MB))
  const another = (): ResultsStore => through((same) => same)
  const uploads = bucketUploads(bucket)
  return {
    config,
    bucket,
    through,
    another,
    store: another(),
    upload: (folder, name, data) => uploads.write(folder, name, data),
    keys: async () => (await Array.fromAsync(bucket.list(''))).map(({ key }) => key),
    async [Symbol.asyncDispose]() {
      bucket.close()
      await rm(dir, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

export function s3Config(config: object) {
  const { s3 } = Configuration.shape.results.parse({ s3: config })
  if (!s3) throw new Error('unreachable')
  return s3
}

async function startServer(): Promise<Moto> {
  const moto = await startMoto()
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const client = new S3Client({
    endpoint: moto.url,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials,
  })
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }))
  client.destroy()
  return moto
}

/** Stops the shared S3 server; call it after all tests. */
export async function endServer(): Promise<void> {
  await (await server)?.[Symbol.asyncDispose]()
}
