import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestBackend } from '../testing/test-backend.ts'
import { claims } from './claim.ts'

test('a task is requeued if the machine disconnects while claiming it', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  await system.submitLink()
  const machine = await system.db.selectFrom('machine').selectAll().executeTakeFirstOrThrow()
  const gone = new AbortController()
  // A claim reads the clock between its check that the machine is still connected and the claim itself. This clock therefore disconnects
  // the machine at that moment.
  const now = (): Date => {
    gone.abort()
    return new Date()
  }
  const claim = claims({ ...system.backend, now })
  assert.equal(await claim(machine, { wait_ms: 0, gone: gone.signal }), undefined)
  const { state, attempts } = await system.db
    .selectFrom('task')
    .select(['state', 'attempts'])
    .executeTakeFirstOrThrow()
  assert.deepEqual([state, attempts], ['queued', 1])
  assert.equal((await agent.claim())?.task.kind, 'source')
})
