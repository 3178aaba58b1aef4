import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDb } from '@copr/testkit/postgres'
import { addTasks } from '../testing/add-tasks.ts'
import { fixtures } from '../testing/fixtures.ts'
import { taskOfRequest } from './task-context.ts'

const now = new Date('2026-11-22T12:00:00Z')

test('taskOfRequest() finds a task only for the machine that holds it, by its id and its current or last lease', async () => {
  await using t = await openTestDb()
  await addTasks(t.db, now, 'dana', 2)
  const add = { pool: 'p', name: 'm', state: 'ready', created_at: now } as const
  const machines = await fixtures(t.db)
    .insertInto('machine')
    .values([add, add])
    .returning('id')
    .execute()
  const [machine_id = 0, other_machine = 0] = machines.map(({ id }) => id)
  const tasks = await t.db.selectFrom('task').select(['id', 'task_id']).orderBy('id').execute()
  for (const [at, { id }] of tasks.entries())
    await t.db
      .updateTable('task')
      .set({ machine_id, lease: `now ${at}`, last_lease: `before ${at}` })
      .where('id', '=', id)
      .execute()
  const [first, second] = tasks
  assert.ok(first && second)
  const own = { task_id: first.task_id, lease: 'now 0', machine_id }
  assert.equal((await taskOfRequest(t.db, own))?.id, first.id)
  assert.equal((await taskOfRequest(t.db, { ...own, lease: 'before 0' }))?.id, first.id)
  for (const foreign of [
    { lease: 'wrong' },
    { lease: 'now 1' },
    { task_id: second.task_id },
    { machine_id: other_machine },
  ])
    assert.equal(await taskOfRequest(t.db, { ...own, ...foreign }), undefined)
})
