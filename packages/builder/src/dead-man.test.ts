import assert from 'node:assert/strict'
import { mock, test, type TestContext } from 'node:test'
import { DeadMan } from './dead-man.ts'

const LIMITS = { enroll_seconds: 600, silence_seconds: 120, lifetime_seconds: 3600 }

function start(t: TestContext) {
  t.after(() => mock.timers.reset())
  mock.timers.enable({ apis: ['setInterval'] })
  let now = 1000
  const deaths: string[] = []
  const man = new DeadMan({
    limits: LIMITS,
    uptime: () => now,
    onDeath: (reason) => void deaths.push(reason),
  })
  t.after(() => man[Symbol.dispose]())
  const pass = (seconds: number): void => {
    now += seconds
    mock.timers.tick(1000)
  }
  return { man, deaths, pass }
}

test('a machine that never enrolls is reported dead', (t) => {
  const { deaths, pass } = start(t)
  pass(600)
  assert.deepEqual(deaths, [])
  pass(1)
  assert.deepEqual(deaths, ['The machine did not enroll within 600 seconds'])
})

test('a machine is reported dead, once, when the gateway has stopped responding to it', (t) => {
  const { man, deaths, pass } = start(t)
  man.contact()
  pass(100)
  man.contact()
  pass(120)
  assert.deepEqual(deaths, [])
  pass(1)
  pass(1)
  assert.deepEqual(deaths, ['The gateway has not responded for 120 seconds'])
})

test('a machine that is too old is reported dead even if the gateway responds', (t) => {
  const { man, deaths, pass } = start(t)
  for (let seconds = 0; seconds <= 3600; seconds += 100) {
    man.contact()
    pass(100)
  }
  assert.deepEqual(deaths, ['The machine is older than its lifetime of 3600 seconds'])
})
