import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openBucket } from '@copr/storage/open-bucket'
import { resultsOf } from '../src/testing/store-world.ts'
import { endServer, s3Config, s3World } from './s3-world.ts'

after(endServer)

test('a bucket that can be used is', async () => {
  await using world = await s3World()
  await world.store.check()
})

for (const [change, message] of [
  [{ bucket: 'not-there' }, /Cannot use the bucket not-there at http:.*make it, or correct/],
  [
    { endpoint: 'http://127.0.0.1:1' },
    /at http:\/\/127.0.0.1:1: .*ECONNREFUSED.*results.s3.endpoint/,
  ],
] as const)
  test(`a bucket with ${JSON.stringify(change)} is said to be unusable, and what to do`, async () => {
    await using world = await s3World()
    const bucket = openBucket(s3Config({ ...world.config, ...change }))
    await assert.rejects(bucket.check(), { message })
    bucket.close()
  })

test('a request for a log that hung writes nothing when its task has gone to somebody else', async () => {
  await using world = await s3World()
  let release: (() => void) | undefined
  const hung = new Promise<void>((resolve) => (release = resolve))
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        await hung
        controller.enqueue(Buffer.from('late'))
        controller.close()
      },
    },
    { highWaterMark: 0 },
  )
  const now = performance.now.bind(performance)
  const asked: boolean[] = []
  const isWanted = async (): Promise<boolean> => asked.push(true) > 1
  const path = resultsOf(1)
  const limits = { offset: 0, max_size: 100, isWanted }
  const appending = world.store.appendLog(path, 'builder-live.log', body, limits)
  try {
    // As if it had lasted a minute.
    performance.now = () => now() + 60_000
    release?.()
    await assert.rejects(appending, { kind: 'conflict' })
  } finally {
    performance.now = now
  }
  assert.equal(asked.length, 1)
  assert.deepEqual(await world.store.list(path.split('/')), [])
})
