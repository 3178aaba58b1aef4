import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tokenBucket } from './token-bucket.ts'

function withClock() {
  let now = 0
  const bucket = tokenBucket({ capacity: 5, per_second: 2, now_ms: () => now })
  return { bucket, pass: (ms: number) => (now += ms) }
}

test('reserve() lets a burst through and paces later calls', () => {
  const { bucket } = withClock()
  const waits = Array.from({ length: 8 }, () => bucket.reserve())
  assert.deepEqual(waits, [0, 0, 0, 0, 0, 500, 1000, 1500])
})

test('reserve() refills the bucket with time, up to its capacity', () => {
  const { bucket, pass } = withClock()
  for (let at = 0; at < 5; at++) bucket.reserve()
  pass(1000)
  assert.deepEqual([bucket.reserve(), bucket.reserve(), bucket.reserve()], [0, 0, 500])
  pass(3_600_000)
  const waits = Array.from({ length: 6 }, () => bucket.reserve())
  assert.deepEqual(waits, [0, 0, 0, 0, 0, 500])
})

test('drain() makes the next call wait, and keeps the reservations of waiting calls', () => {
  const { bucket } = withClock()
  bucket.drain()
  assert.equal(bucket.reserve(), 500)
  bucket.drain()
  assert.equal(bucket.reserve(), 1000)
})

test('take() rejects when its signal aborts', async () => {
  const bucket = tokenBucket({ capacity: 1, per_second: 0.001 })
  await bucket.take(AbortSignal.timeout(1000))
  await assert.rejects(bucket.take(AbortSignal.timeout(10)), { name: 'AbortError' })
  await assert.rejects(bucket.take(AbortSignal.abort()), { name: 'AbortError' })
})
