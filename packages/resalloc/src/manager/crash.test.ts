import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManagerFixture } from '../testing/manager-fixture.ts'
import { FAULT_POINTS } from './manager-options.ts'

for (const point of FAULT_POINTS)
  test(`exactly the desired machines exist after a manager was killed repeatedly: ${point}`, async () => {
    await using w = await ManagerFixture.open()
    w.pools({ p: { max: 5, boot_timeout: 3000 } })
    await w.tasks('a', 2)
    for (let i = 0; i < 3; i++) await w.killManagerAt(point)
    await w.pass(60, 5)
    await w.enroll()
    await w.pass(60, 5)
    assert.equal(w.existing().length, 2)
    assert.deepEqual(await w.states(), ['ready', 'ready'])
    assert.equal(w.cloud.machines().length, 2, 'none was made for nothing')
    const tasks = await w.claimAll()
    assert.equal(tasks.length, 2)
    for (const task of tasks) await w.finish(task)
    for (let i = 0; i < 3; i++) await w.killManagerAt(point)
    await w.pass(200, 10)
    assert.deepEqual(w.existing(), [])
    assert.deepEqual(await w.machines(), [])
  })

test('if the manager is killed while it handles the end of a machine, the task of that machine is requeued once', async () => {
  await using w = await ManagerFixture.open()
  w.pools({ p: {} })
  await w.tasks('a', 1)
  const [machine] = await w.ready()
  assert.equal((await w.claimAll()).length, 1)
  w.cloud.endMachine(machine?.provider_id ?? '', 'interrupted')
  w.later(120)
  await w.killManagerAt('ending')
  const [leased] = await w.db.selectFrom('task').selectAll().execute()
  assert.equal(leased?.state, 'leased', 'it was killed just before')
  await w.run(1)
  const [task] = await w.db.selectFrom('task').selectAll().execute()
  assert.deepEqual([task?.state, task?.attempts], ['queued', 1])
})
