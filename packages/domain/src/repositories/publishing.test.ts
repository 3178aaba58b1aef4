import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDb } from '@copr/testkit/postgres'
import type { Db } from '../database/open.ts'
import { addTasks } from '../testing/add-tasks.ts'
import { fixtures } from '../testing/fixtures.ts'
import { markPublished, replacementsOf, repositoryMembers } from './publishing.ts'

const now = new Date('2026-11-22T12:00:00Z')

/** Inserts a repository and, for each generation, one build that waits for the repository's index. */
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

test('markPublished() finishes the builds of the given and earlier generations, and never lowers the generation', async () => {
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

/** Adds packages, given by name and epoch, to the builds of a repository. The first list is for the oldest build. */
async function addPackages(
  db: Db,
  repository_id: number,
  lists: { name: string; epoch?: number }[][],
): Promise<number[]> {
  const chroots = await db
    .selectFrom('build_chroot')
    .select(['id', 'build_id'])
    .orderBy('build_id')
    .execute()
  for (const [i, packages] of lists.entries())
    for (const { name, epoch = null } of packages) {
      const build_chroot_id = chroots[i]?.id ?? 0
      const nevra = { name, epoch, version: '1.0', release: '1', arch: 'noarch' }
      await db
        .insertInto('built_package')
        .values({ ...nevra, build_chroot_id })
        .execute()
      const path = `0000${i}-lens/${name}-1.0-1.noarch.rpm`
      await db
        .insertInto('repository_member')
        .values({ repository_id, build_chroot_id, path, sha256: String(i), size: 1 })
        .execute()
    }
  return chroots.map(({ build_id }) => build_id)
}

test('repositoryMembers() lists only the newest build of each NEVRA', async () => {
  await using t = await openTestDb()
  const repository_id = await withBuilds(t.db, [1, 2, 3])
  await addPackages(t.db, repository_id, [
    [{ name: 'lens' }, { name: 'lens-doc' }, { name: 'cap', epoch: 1 }, { name: 'hood' }],
    [{ name: 'lens' }, { name: 'cap', epoch: 2 }, { name: 'hood', epoch: 0 }],
    [{ name: 'lens' }],
  ])
  const paths = (await repositoryMembers(t.db, repository_id)).map(({ path }) => path)
  assert.deepEqual(paths, [
    '00000-lens/cap-1.0-1.noarch.rpm',
    '00000-lens/lens-doc-1.0-1.noarch.rpm',
    '00001-lens/cap-1.0-1.noarch.rpm',
    '00001-lens/hood-1.0-1.noarch.rpm',
    '00002-lens/lens-1.0-1.noarch.rpm',
  ])
})

test('replacementsOf() finds the newest builds whose packages replace those of the given build', async () => {
  await using t = await openTestDb()
  const repository_id = await withBuilds(t.db, [1, 2, 3])
  const [first = 0, second = 0, third = 0] = await addPackages(t.db, repository_id, [
    [{ name: 'lens' }, { name: 'lens-doc' }, { name: 'cap', epoch: 1 }],
    [{ name: 'lens' }, { name: 'lens-doc' }, { name: 'cap' }],
    [{ name: 'lens' }, { name: 'lens-doc' }, { name: 'cap', epoch: 0 }],
  ])
  const found = async (id: number) => [...(await replacementsOf(t.db, id)).values()].flat()
  assert.deepEqual(await found(second), [], 'the newest build is not published yet')
  await markPublished(t.db, { repository_id, generation: 3, now })
  const lens = ['lens-1.0-1.noarch.rpm', 'lens-doc-1.0-1.noarch.rpm']
  assert.deepEqual(await found(first), [{ build_id: third, packages: lens, is_complete: false }])
  assert.deepEqual(await found(second), [
    { build_id: third, packages: ['cap-1.0-1.noarch.rpm', ...lens], is_complete: true },
  ])
  assert.deepEqual(await found(third), [])
})
