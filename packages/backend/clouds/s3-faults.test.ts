import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Bucket } from '@copr/object-store/bucket'
import { openBucket } from '@copr/object-store/open-bucket'
import { treeRoutes } from '../src/results-tree/tree-routes.ts'
import { AMPLE, bodyOf, KEY, resultsOf } from '../src/testing/store-fixture.ts'
import { endServer, s3Config, s3Fixture } from './s3-fixture.ts'

after(endServer)

test('check() accepts a usable bucket', async () => {
  await using fixture = await s3Fixture()
  await fixture.store.check()
})

for (const [change, message] of [
  [{ bucket: 'not-there' }, /Cannot use the bucket not-there at http:.*create it, or correct/],
  [
    { endpoint: 'http://127.0.0.1:1' },
    /at http:\/\/127.0.0.1:1: .*ECONNREFUSED.*results.s3.endpoint/,
  ],
] as const)
  test(`check() reports a bucket with ${JSON.stringify(change)} as unusable, with the remedy`, async () => {
    await using fixture = await s3Fixture()
    const bucket = openBucket(s3Config({ ...fixture.config, ...change }))
    await assert.rejects(bucket.check(), { message })
    bucket.close()
  })

test('a delayed log request writes nothing once another builder has the task', async () => {
  await using fixture = await s3Fixture()
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
  const appending = fixture.store.appendLog(path, 'builder-live.log', body, limits)
  try {
    // Simulates a request that has lasted a minute.
    performance.now = () => now() + 60_000
    release?.()
    await assert.rejects(appending, { kind: 'conflict' })
  } finally {
    performance.now = now
  }
  assert.equal(asked.length, 1)
  assert.deepEqual(await fixture.store.list(path.split('/')), [])
})

test('upload bytes that could not be stored do not count toward the limit', async () => {
  await using fixture = await s3Fixture()
  let isBroken = false
  const store = fixture.through((bucket) => ({
    ...bucket,
    put: async (...args) => {
      if (isBroken) throw new Error('no connection')
      await bucket.put(...args)
    },
  }))
  const stage = (name: string, data: string) =>
    store.stage(KEY, name, bodyOf([data]), { ...AMPLE, max_total: 10 })
  await stage('a', '1234')
  isBroken = true
  await assert.rejects(stage('b', '123456'), /no connection/)
  isBroken = false
  await assert.rejects(stage('b', '1234567'), { kind: 'too_large' })
  assert.deepEqual(await stage('b', '123456'), { at_offset: true, size: 6 })
  await assert.rejects(stage('c', '1'), { kind: 'too_large' })
})

for (const [what, change, status, text] of [
  ['replaced', (bucket: Bucket, key: string) => bucket.put(key, 'newer'), 200, 'newer'],
  ['removed', (bucket: Bucket, key: string) => bucket.remove([key]), 404, undefined],
] as const)
  test(`a file that is ${what} between the reads of its metadata and content is looked up again`, async () => {
    await using fixture = await s3Fixture()
    await fixture.store.write(resultsOf(1), 'results.json', 'old')
    let heads = 0
    const store = fixture.through((bucket) => ({
      ...bucket,
      head: async (key) => {
        const facts = await bucket.head(key)
        if (++heads === 1) await change(bucket, key)
        return facts
      },
    }))
    const answer = await treeRoutes(store).request(`/results/${resultsOf(1)}/results.json`)
    assert.equal(answer.status, status)
    if (text !== undefined) assert.equal(await answer.text(), text)
  })
