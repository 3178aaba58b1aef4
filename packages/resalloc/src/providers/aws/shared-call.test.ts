import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shareNext } from './shared-call.ts'

function slowWork() {
  const begun: { signal: AbortSignal; end: (value: number) => void; fail: (e: Error) => void }[] =
    []
  const share = shareNext(
    async (signal) =>
      await new Promise<number>((resolve, reject) =>
        begun.push({ signal, end: resolve, fail: reject }),
      ),
  )
  return { begun, share, turn: async () => await new Promise(setImmediate) }
}
const forLong = (): AbortSignal => new AbortController().signal

test('shareNext() lets concurrent callers share one run, and later callers share the next run', async () => {
  const { begun, share, turn } = slowWork()
  const first = Promise.all([share(forLong()), share(forLong())])
  await turn()
  const second = Promise.all([share(forLong()), share(forLong())])
  await turn()
  assert.equal(begun.length, 1)
  begun[0]?.end(1)
  assert.deepEqual(await first, [1, 1])
  await turn()
  assert.equal(begun.length, 2)
  begun[1]?.end(2)
  assert.deepEqual(await second, [2, 2])
})

test('shareNext() obeys the deadline of each caller, and aborts the run when all callers have left', async () => {
  const { begun, share, turn } = slowWork()
  const leaving = new AbortController()
  const [left, stays] = [share(leaving.signal), share(forLong())]
  await turn()
  leaving.abort()
  await assert.rejects(left, { name: 'AbortError' })
  assert.equal(begun[0]?.signal.aborted, false)
  begun[0]?.end(1)
  assert.equal(await stays, 1)

  const alone = new AbortController()
  const abandoned = share(alone.signal)
  await turn()
  alone.abort()
  await assert.rejects(abandoned, { name: 'AbortError' })
  assert.equal(begun[1]?.signal.aborted, true)
})

test('shareNext() reports a failure to all waiting callers, and works again afterwards', async () => {
  const { begun, share, turn } = slowWork()
  const failing = Promise.allSettled([share(forLong()), share(forLong())])
  await turn()
  begun[0]?.fail(new Error('broken'))
  assert.deepEqual(
    (await failing).map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  const next = share(forLong())
  await turn()
  begun[1]?.end(2)
  assert.equal(await next, 2)
})
