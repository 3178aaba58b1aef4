import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { openTestDb } from '@copr/testkit/postgres'
import { syncPools } from '../pools/pools.ts'
import { addTasks } from '../testing/add-tasks.ts'
import { poolConfig } from '../testing/pool-config.ts'
import type { RunningLimits } from './claim-conditions.ts'
import { claimTask } from './claim-task.ts'
import { machinesWithWork } from './machines-with-work.ts'
import { fixtures } from '../testing/fixtures.ts'

const now = new Date('2026-11-22T12:00:00Z')

test('machinesWithWork() leaves out machines that match no waiting task', async () => {
  await using t = await openTestDb()
  const { db } = t
  const config = poolConfig({ reuse_opportunity_time: 90, reuse_max_count: 3 })
  await syncPools(db, [{ name: 'p', config, cleans: false }], now)
  const add = async (name: string, more: Record<string, unknown> = {}): Promise<number> => {
    const machine = { kinds: ['source', 'rpm'], arches: ['x86_64'], tags: ['arch_x86_64'] }
    const values = { pool: 'p', provider: 'command', name, created_at: now, last_seen_at: now }
    const { id } = await fixtures(db)
      .insertInto('machine')
      .values({ ...machine, ...values, state: 'ready', ...more })
      .returning('id')
      .executeTakeFirstOrThrow()
    return id
  }
  const machines = {
    fresh: await add('fresh'),
    other_arch: await add('other_arch', { arches: ['aarch64'] }),
    other_kind: await add('other_kind', { kinds: ['import'] }),
    without_tag: await add('without_tag', { tags: [] }),
    of_owner: await add('of_owner', { sandbox: 'a/p--a', sandboxed_at: now, uses: 1 }),
    of_other: await add('of_other', { sandbox: 'b/p--b', sandboxed_at: now, uses: 1 }),
    used_up: await add('used_up', { sandbox: 'a/p--a', sandboxed_at: now, uses: 3 }),
    cordoned: await add('cordoned', { cordoned: true }),
  }
  const names = async (limits: RunningLimits = {}): Promise<string[]> => {
    const found = new Set(await machinesWithWork(db, Object.values(machines), { now, limits }))
    return Object.entries(machines).flatMap(([name, id]) => (found.has(id) ? [name] : []))
  }
  assert.deepEqual(await names(), [])
  await addTasks(db, now, 'a', 2, { arch: 'x86_64', tags: ['arch_x86_64'] })
  assert.deepEqual(await names(), ['fresh', 'of_owner'])

  const claimant = { kinds: ['source', 'rpm'], arches: ['x86_64'], tags: ['arch_x86_64'] }
  const id = await add('at work')
  const options = { lease: randomUUID(), now, lease_seconds: 30 }
  assert.ok(await claimTask(db, { id, ...claimant }, options))
  assert.deepEqual(await names({ max_builds_per_owner: 1 }), [], 'the owner has reached the limit')
  assert.deepEqual(await names({ max_builds_per_owner: 2 }), ['fresh', 'of_owner'])

  await addTasks(db, now, 'b', 1, { arch: 'x86_64', tags: ['arch_x86_64'] })
  assert.deepEqual(await names({ max_builds_per_owner: 1 }), ['fresh', 'of_other'])
  await db
    .updateTable('task')
    .set({ not_before: new Date(now.getTime() + 1000) })
    .where('state', '=', 'queued')
    .execute()
  assert.deepEqual(await names(), [], 'nothing is due')
})
