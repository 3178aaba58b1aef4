import assert from 'node:assert/strict'
import { test } from 'node:test'
import { livingMachines } from '@copr/domain/machines/machines'
import { silentLog } from '@copr/process/log'
import { openTestDb } from '@copr/testkit/postgres'
import { keepLocalPool, type StartedMachine } from './local-pool.ts'

const now = (): Date => new Date('2026-11-22T12:00:00Z')

/** Returns a machine that runs until `end` or `stop` is called. */
function fakeMachine(): StartedMachine & { end(reason: string): void } {
  const { promise, resolve } = Promise.withResolvers<string>()
  return { ended: promise, stop: async () => resolve('stopped'), end: resolve }
}

test('keepLocalPool() replaces a builder that exited, and leaves none when stopped', async () => {
  await using t = await openTestDb()
  const started: (ReturnType<typeof fakeMachine> & { slot: number })[] = []
  const waiting: (() => void)[] = []
  const until = async (count: number): Promise<void> => {
    while (started.length < count) await new Promise<void>((resolve) => waiting.push(resolve))
  }
  const stopping = new AbortController()
  const pool = keepLocalPool({
    db: t.db,
    count: 2,
    start({ slot }) {
      const machine = { ...fakeMachine(), slot }
      started.push(machine)
      for (const resolve of waiting.splice(0)) resolve()
      return machine
    },
    max_attempts: 3,
    now,
    log: silentLog(),
    stop: stopping.signal,
  })
  await until(2)
  assert.deepEqual(
    started.map((machine) => machine.slot).toSorted((a, b) => a - b),
    [1, 2],
  )
  started[0]?.end('killed')
  await until(3)
  assert.equal(started[2]?.slot, started[0]?.slot)
  assert.equal((await livingMachines(t.db, 'local')).length, 2)
  stopping.abort()
  await pool
  assert.deepEqual(await livingMachines(t.db, 'local'), [])
})
