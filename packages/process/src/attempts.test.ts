import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openAttempts } from './attempts.ts'

const START = new Date('2026-11-22T12:00:00Z').getTime()

function clock() {
  let at = START
  return { now: () => new Date(at), pass: (seconds: number) => void (at += seconds * 1000) }
}

test('each failure beyond the permitted number doubles the delay, up to a minute', () => {
  const { now, pass } = clock()
  const attempts = openAttempts(now)
  const counted = [{ key: 'a', free: 3 }]
  const delays = Array.from({ length: 11 }, () => {
    attempts.failed(counted, 'wrong')
    const delay = attempts.wait(counted, 'wrong')
    pass(delay)
    assert.equal(attempts.wait(counted, 'wrong'), 0)
    return delay
  })
  assert.deepEqual(delays, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60])
})

test('failures are forgotten after ten minutes', () => {
  const { now, pass } = clock()
  const attempts = openAttempts(now)
  const counted = [{ key: 'a', free: 1 }]
  for (let i = 0; i < 5; i++) attempts.failed(counted, 'wrong')
  assert.equal(attempts.wait(counted, 'wrong'), 8)
  pass(600)
  attempts.failed(counted, 'wrong')
  assert.equal(attempts.wait(counted, 'wrong'), 0)
})

test('an attempt with several keys gets the longest delay among them; failures of other keys do not delay it', () => {
  const attempts = openAttempts(clock().now)
  const of = (...keys: string[]) => keys.map((key) => ({ key, free: 0 }))
  attempts.failed(of('a'), 'wrong')
  attempts.failed(of('a', 'b'), 'wrong')
  assert.equal(attempts.wait(of('a', 'b'), 'wrong'), 2)
  assert.equal(attempts.wait(of('b'), 'wrong'), 1)
  assert.equal(attempts.wait(of('c'), 'wrong'), 0)
})

test('attempts with a credential that has succeeded are not delayed, unless it has failed since', () => {
  const attempts = openAttempts(clock().now)
  const counted = [{ key: 'a', free: 0 }]
  attempts.succeeded('right')
  for (let i = 0; i < 100; i++) attempts.failed(counted, `wrong ${i}`)
  assert.equal(attempts.wait(counted, 'right'), 0)
  assert.equal(attempts.wait(counted, 'another'), 60)
  attempts.failed(counted, 'right')
  assert.equal(attempts.wait(counted, 'right'), 60)
})

test('the number of remembered keys is limited, and the oldest is dropped first', () => {
  const attempts = openAttempts(clock().now)
  for (let i = 0; i <= 20_000; i++) attempts.failed([{ key: `key ${i}`, free: 0 }], 'wrong')
  assert.equal(attempts.wait([{ key: 'key 0', free: 0 }], 'wrong'), 0)
  assert.equal(attempts.wait([{ key: 'key 1', free: 0 }], 'wrong'), 1)
})
