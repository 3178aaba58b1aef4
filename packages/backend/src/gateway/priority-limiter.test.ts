import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PriorityLimiter } from './priority-limiter.ts'

test('PriorityLimiter admits the smallest key first, and equal keys in order of arrival', async () => {
  const turns = new PriorityLimiter(1)
  const order: string[] = []
  const { promise: held, resolve } = Promise.withResolvers<void>()
  const first = turns.take([9], () => held)
  const keys = { dear: [0, 5], cheap: [0, 1], cheap_too: [0, 1], choosy: [-1, 9] }
  const others = Object.entries(keys).map(([name, key]) =>
    turns.take(key, async () => void order.push(name)),
  )
  resolve()
  await Promise.all([first, ...others])
  assert.deepEqual(order, ['choosy', 'cheap', 'cheap_too', 'dear'])
})
