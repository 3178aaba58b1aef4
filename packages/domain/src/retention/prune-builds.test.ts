import { openTestDb } from '@copr/testkit/postgres'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pruneBuilds } from './prune-builds.ts'
import { fixtures } from '../testing/fixtures.ts'

const now = new Date('2026-11-22T12:00:00Z')

test('pruneBuilds() deletes only the oldest finished builds of each directory', async () => {
  await using t = await openTestDb()
  const { db } = t
  const user = { username: 'dana', created_at: now }
  const { id: user_id } = await db
    .insertInto('user_account')
    .values(user)
    .returning('id')
    .executeTakeFirstOrThrow()
  const made = async (name: string, max_builds: number, persistent = false) => {
    const { id: project_id } = await db
      .insertInto('project')
      .values({ ownername: 'dana', name, user_id, persistent, created_at: now })
      .returning('id')
      .executeTakeFirstOrThrow()
    const { id: package_id } = await db
      .insertInto('package')
      .values({
        project_id,
        name: 'lens',
        source_type: 'unset',
        source_json: '{}',
        max_builds,
        created_at: now,
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    return { project_id, package_id, dirs: new Map<string, number>() }
  }
  const build = async (
    { project_id, package_id, dirs }: Awaited<ReturnType<typeof made>>,
    dir: string,
    finished_at: Date | null,
  ) => {
    const project_dir_id =
      dirs.get(dir) ??
      (
        await db
          .insertInto('project_dir')
          .values({ project_id, name: dir, created_at: now })
          .returning('id')
          .executeTakeFirstOrThrow()
      ).id
    dirs.set(dir, project_dir_id)
    const { id } = await fixtures(db)
      .insertInto('build')
      .values({
        project_id,
        project_dir_id,
        package_id,
        source_type: 'unset',
        source_json: '{}',
        source_state: 'succeeded',
        state: 'succeeded',
        submitted_at: now,
        finished_at,
        timeout_seconds: 1,
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    return id
  }
  const lens = await made('telescope', 2)
  const waiting = await build(lens, 'telescope', null)
  const old = [await build(lens, 'telescope', now), await build(lens, 'telescope', now)]
  const kept = [
    await build(lens, 'telescope', now),
    await build(lens, 'telescope:pr:1', now),
    await build(lens, 'telescope', now),
    await build(lens, 'telescope', null),
  ]
  for (const other of [await made('all', 0), await made('persistent', 1, true)])
    for (let i = 0; i < 2; i++) kept.push(await build(other, 'main', now))
  assert.equal(await pruneBuilds(db, now), old.length)
  const left = await db.selectFrom('build').select('id').orderBy('id').execute()
  assert.deepEqual(
    left.map(({ id }) => id),
    [waiting, ...kept],
  )
  assert.equal(await pruneBuilds(db, now), 0)
})
