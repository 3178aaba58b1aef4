import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '@copr/process/log'
import { WaitingMachines } from './waiting-machines.ts'

const never = new AbortController().signal

interface Fixture {
  waiting: WaitingMachines
  asked: number[][]
  change: () => void
  isListening: () => boolean
}

function fixture(find: (ids: number[]) => Promise<number[]>): Fixture {
  const asked: number[][] = []
  let changed: (() => void) | undefined
  const waiting = new WaitingMachines({
    async find(ids) {
      asked.push(ids)
      return await find(ids)
    },
    listen(listener) {
      changed = listener
      return { [Symbol.dispose]: () => (changed = undefined) }
    },
    every_ms: 3_600_000,
    log: silentLog(),
  })
  const isListening = (): boolean => changed !== undefined
  return { waiting, asked, change: () => changed?.(), isListening }
}

test('WaitingMachines runs one query for all machines, and wakes only those for which it finds tasks', async () => {
  const { waiting, asked, change, isListening } = fixture(async () => [2])
  {
    using first = waiting.add(1)
    using second = waiting.add(2)
    const enough = new AbortController()
    let woken = false
    const firstWaits = first.bell.wait(3_600_000, enough.signal).then(() => (woken = true))
    change()
    await second.bell.wait(3_600_000, never)
    assert.equal(woken, false)
    enough.abort()
    await firstWaits
    assert.deepEqual(asked, [[1, 2]])
  }
  assert.equal(isListening(), false)
  change()
  assert.equal(asked.length, 1, 'nobody waits')
})

test('WaitingMachines coalesces all changes that arrive during a query into one more query', async () => {
  const held = Promise.withResolvers<number[]>()
  const answers = [held.promise, Promise.resolve([7])]
  const { waiting, asked, change } = fixture(async () => await (answers.shift() ?? []))
  using place = waiting.add(7)
  for (let i = 0; i < 5; i++) change()
  held.resolve([])
  await place.bell.wait(3_600_000, never)
  assert.equal(asked.length, 2)
})

test('WaitingMachines wakes all machines when the query fails', async () => {
  const { waiting, change } = fixture(async () => {
    throw new Error('gone')
  })
  using first = waiting.add(1)
  using second = waiting.add(2)
  change()
  await Promise.all([first.bell.wait(3_600_000, never), second.bell.wait(3_600_000, never)])
})
