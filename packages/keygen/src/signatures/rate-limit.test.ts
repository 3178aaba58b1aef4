import assert from 'node:assert/strict'
import test from 'node:test'
import { RateLimit } from './rate-limit.ts'

test('RateLimit limits signatures per minute, for each project and for all projects together', () => {
  const clock = { now: new Date(0) }
  const limit = new RateLimit({ project: 10, all: 15 }, () => clock.now)
  limit.take('dana/telescope', 10)
  assert.throws(() => limit.take('dana/telescope', 1), {
    kind: 'too_many',
    message: /more than 10/,
  })
  limit.take('kim/other', 5)
  assert.throws(() => limit.take('kim/third', 1), { kind: 'too_many', message: /more than 15/ })
  clock.now = new Date(60_000)
  limit.take('dana/telescope', 10)
})

test('RateLimit does not count the signatures that it refuses', () => {
  const limit = new RateLimit({ project: 10, all: 100 }, () => new Date(0))
  assert.throws(() => limit.take('dana/telescope', 11))
  limit.take('dana/telescope', 10)
})
