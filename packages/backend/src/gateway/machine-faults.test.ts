import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LostCause, SelfTest } from '@copr/contract/builder-protocol'
import { accepted, TestBackend } from '../testing/test-backend.ts'

function testedWith(memory_mb: number, faults: SelfTest['faults'] = []): SelfTest {
  return { faults, cpus: 2, memory_mb, swap_mb: 0, disk_mb: 50_000 }
}

async function taskRow(system: TestBackend) {
  return await system.db
    .selectFrom('task')
    .select(['state', 'lost_cause', 'min_memory_mb', 'not_before'])
    .executeTakeFirstOrThrow()
}

test('a machine whose self-test has failed is refused permanently, and its faults are recorded', async () => {
  await using system = await TestBackend.start()
  const faults = [{ kind: 'disk' as const, message: 'Only 3 MB are free at /var: it needs 8192' }]
  await assert.rejects(system.agent(['rpm'], testedWith(4096, faults)), /409.*Only 3 MB are free/)
  const machine = await system.db.selectFrom('machine').selectAll().executeTakeFirstOrThrow()
  assert.equal(machine.state, 'gone')
  assert.equal(machine.enroll_token_hash, null)
  assert.equal(machine.failure_class, 'self_test_disk')
  assert.match(machine.failure_text ?? '', /Only 3 MB/)
})

test('a machine that signs off gets no more tasks', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const said = await agent.post('/goodbye', { cause: 'cannot_clean', reason: 'Cannot unmount' })
  assert.equal(said.status, 204)
  await system.submitLink()
  assert.equal(await agent.claim(), undefined)
  const machine = await system.db.selectFrom('machine').selectAll().executeTakeFirstOrThrow()
  assert.deepEqual(
    [machine.state, machine.failure_class, machine.failure_text],
    ['draining', 'cannot_clean', 'Cannot unmount'],
  )
})

for (const [cause, waits] of [
  ['disk_full', true],
  ['setup', true],
  ['interrupted', false],
] as const satisfies [LostCause, boolean][])
  test(`a requeued task keeps its cause: ${cause}`, async () => {
    await using system = await TestBackend.start()
    const agent = await system.agent(['source'], testedWith(4096))
    await system.submitLink()
    await agent.claim()
    await accepted(await agent.finish({ outcome: 'lost', cause, reason: 'It disconnected' }))
    const { lost_cause, min_memory_mb, not_before, state } = await taskRow(system)
    assert.deepEqual([state, lost_cause, min_memory_mb], ['queued', cause, null])
    assert.equal(not_before !== null, waits)
  })

test('a task that ran out of memory is retried on a bigger machine if there is one', async () => {
  await using system = await TestBackend.start()
  const small = await system.agent(['source'], testedWith(4096))
  await system.submitLink()
  await small.claim()
  const lost = { outcome: 'lost', cause: 'out_of_memory', reason: 'cc1 was killed' } as const
  await accepted(await small.finish(lost))
  assert.equal((await taskRow(system)).min_memory_mb, 4097)

  // There is no bigger machine, so the same one may retry. Otherwise, the task would wait forever.
  assert.ok(await small.claim())
  await accepted(await small.finish(lost))

  const big = await system.agent(['source'], testedWith(8192))
  assert.equal(await small.claim(), undefined)
  assert.ok(await big.claim())
  await accepted(await big.finish(lost))
  assert.equal((await taskRow(system)).min_memory_mb, 8193)
})
