import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestCli } from '../testing.ts'
import { fixtures } from '@copr/domain/testing/fixtures'

test('`coprctl drain` waits until no cloud machine is left, and ignores unmanaged machines', async () => {
  await using t = await openTestCli()
  const machine = { pool: 'a', state: 'ready', created_at: new Date(), kinds: ['rpm'] } as const
  const { id } = await fixtures(t.db)
    .insertInto('machine')
    .values({ ...machine, kinds: ['rpm'], name: 'cloud', provider: 'aws' })
    .returning('id')
    .executeTakeFirstOrThrow()
  await fixtures(t.db)
    .insertInto('machine')
    .values({ ...machine, kinds: ['rpm'], name: 'by-hand' })
    .execute()
  let isOver = false
  const draining = t.run(['drain']).finally(() => (isOver = true))
  // The drain must keep waiting while the test makes a hundred queries.
  for (let looks = 0; looks < 100; looks++) {
    await t.db.selectFrom('machine').select('id').execute()
    assert.equal(isOver, false)
  }
  await fixtures(t.db)
    .updateTable('machine')
    .set({ state: 'gone', gone_at: new Date() })
    .where('id', '=', id)
    .execute()
  const { code, err } = await draining
  assert.equal(code, 0, err)
})
