import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDb } from '@copr/testkit/postgres'
import type { Db } from '../database/open.ts'
import { addTasks } from '../testing/add-tasks.ts'
import { fixtures } from '../testing/fixtures.ts'
import { markPublished } from './publishing.ts'

const now = new Date('2026-11-22T12:00:00Z')

/** Inserts a repository and, for each of the generations, a build in it that waits for its index. */
async function withBuilds(db: Db, generations: number[]): Promise<number> {
  await addTasks(db, now, 'dana', generations.length)
  const chroot = { name: 'c-1-x86_64', os_release: 'c', os_version: '1', arch: 'x86_64' }
  const { id: chroot_id } = await db
    .insertInto('chroot')
    .values({ ...chroot, distgit_branch: 'c1', config: '{}', created_at: now })
    .returning('id')
    .executeTakeFirstOrThrow()
  const { id: project_dir_id } = await db
    .selectFrom('project_dir')
    .select('id')
    .executeTakeFirstOrThrow()
  const { id } = await db
    .insertInto('repository')
    .values({ project_dir_id, chroot_id, generation: Math.max(...generations) })
    .returning('id')
    .executeTakeFirstOrThrow()
  const builds = await db.selectFrom('build').select('id').orderBy('id').execute()
  await fixtures(db)
    .insertInto('build_chroot')
    .values(
      generations.map((generation, at) => ({
        build_id: builds[at]?.id ?? 0,
        chroot_id,
        repository_id: id,
        generation,
        state: 'running' as const,
      })),
    )
    .execute()
  return id
}

test('markPublished() finishes the builds of this and earlier generations, and never lowers the generation', async () => {
  await using t = await openTestDb()
  const repository_id = await withBuilds(t.db, [2, 3, 4])
  const states = async (): Promise<string[]> =>
    (await t.db.selectFrom('build_chroot').select('state').orderBy('generation').execute()).map(
      ({ state }) => state,
    )
  const published = async (): Promise<number> =>
    (await t.db.selectFrom('repository').select('published_generation').executeTakeFirstOrThrow())
      .published_generation
  assert.equal((await markPublished(t.db, { repository_id, generation: 3, now })).length, 2)
  assert.deepEqual(await states(), ['succeeded', 'succeeded', 'running'])
  assert.deepEqual(await markPublished(t.db, { repository_id, generation: 2, now }), [])
  assert.equal(await published(), 3)
  assert.equal((await markPublished(t.db, { repository_id, generation: 4, now })).length, 1)
  assert.equal(await published(), 4)
})
