import { COMMAND } from '../audit/actor.ts'
import { importChroot } from '../chroots/chroot-queries.ts'
import { createProject } from '../projects/create-project.ts'
import { createUser } from '../users/user-queries.ts'
import type { Db } from '../database/open.ts'
import { openTestDb } from '@copr/testkit/postgres'
import assert from 'node:assert/strict'
import test from 'node:test'
import { sql } from 'kysely'
import { allBuilds } from './all-builds.ts'
import { type BuildFilter, type BuildPage, listBuilds } from './build-queries.ts'

const NOW = new Date('2026-11-22T12:00:00Z')
/** More than allBuilds() reads at a time. */
const BUILDS = 1203

test('allBuilds() returns the same builds as listBuilds() in pages of any size, in either order', async () => {
  await using t = await openTestDb()
  const project_id = await fill(t.db)
  for (const descending of [true, false]) {
    const want = Array.from({ length: BUILDS }, (_, index) =>
      descending ? BUILDS - index : index + 1,
    )
    assert.deepEqual(await idsOf(t.db, { project_id }, { offset: 0, descending }), want)
    for (const limit of [7, 500, 501]) {
      const joined: number[] = []
      for (let offset = 0; ; offset += limit) {
        const page = await idsOf(t.db, { project_id }, { limit, offset, descending })
        if (page.length === 0) break
        joined.push(...page)
      }
      assert.deepEqual(joined, want, `pages of ${limit}`)
    }
    assert.deepEqual(
      await idsOf(t.db, { project_id }, { limit: 600, offset: 3, descending }),
      want.slice(3, 603),
    )
  }
})

test('allBuilds() and listBuilds() filter by state, package or both', async () => {
  await using t = await openTestDb()
  const project_id = await fill(t.db)
  const { id: package_id } = await t.db
    .selectFrom('package')
    .select('id')
    .where('name', '=', 'lens')
    .executeTakeFirstOrThrow()
  const ids = Array.from({ length: BUILDS }, (_, index) => BUILDS - index)
  const cases: [BuildFilter, number[]][] = [
    [{ project_id, state: 'failed' }, ids.filter((id) => id % 3 === 0)],
    [{ project_id, package_id }, ids.filter((id) => id % 2 === 0)],
    [{ project_id, package_id, state: 'failed' }, ids.filter((id) => id % 6 === 0)],
    [{ project_id, state: 'running' }, []],
    [{ project_id: project_id + 1 }, []],
    [{ project_id, before_id: 5 }, [4, 3, 2, 1]],
    [{ project_id, after_id: 1200 }, [1203, 1202, 1201]],
  ]
  for (const [filter, want] of cases) {
    const page = { offset: 0, descending: true }
    assert.deepEqual(await idsOf(t.db, filter, page), want)
    const listed = await listBuilds(t.db, filter, page)
    assert.deepEqual(
      listed.map(({ id }) => id),
      want,
    )
  }
})

test('allBuilds() neither repeats nor skips builds while others are added and deleted', async () => {
  await using t = await openTestDb()
  const project_id = await fill(t.db)
  const parts = allBuilds(t.db, { project_id }, { offset: 0, descending: true })
  const first = await parts.next()
  await t.db
    .deleteFrom('build')
    .where('id', '>', BUILDS - 10)
    .execute()
  const rest: number[] = []
  for await (const part of parts) rest.push(...part.map(({ id }) => id))
  const last = first.value?.at(-1)?.id ?? 0
  assert.deepEqual(
    rest,
    Array.from({ length: last - 1 }, (_, index) => last - 1 - index),
  )
})

async function idsOf(db: Db, filter: BuildFilter, page: BuildPage): Promise<number[]> {
  const ids: number[] = []
  for await (const part of allBuilds(db, filter, page)) ids.push(...part.map(({ id }) => id))
  return ids
}

/** Inserts builds 1, 2, …; every third one has failed, and every second one is of the package lens. */
async function fill(db: Db): Promise<number> {
  const config = { name: 'fedora-43-x86_64', comment: '', repos: [], install: [], macros: {} }
  await importChroot(db, { ...config, tags: [] }, NOW)
  const { id: user_id } = await createUser(db, { username: 'dana', now: NOW })
  const { id: project_id } = await createProject(db, COMMAND, {
    ownername: 'dana',
    name: 'telescope',
    user_id,
    chroots: ['fedora-43-x86_64'],
    now: NOW,
  })
  await sql`insert into package (project_id, name, source_type, source_json, created_at)
    values (${project_id}, 'mirror', 'upload', '{}', ${NOW}), (${project_id}, 'lens', 'upload', '{}', ${NOW})`.execute(
    db,
  )
  await sql`insert into build (project_id, project_dir_id, package_id, source_type, source_json, source_state, state, submitted_at, finished_at, timeout_seconds)
    select ${project_id}, project_dir.id, package.id, 'upload', '{}', 'succeeded', case when n % 3 = 0 then 'failed' else 'succeeded' end, ${NOW}, ${NOW}, 60
    from generate_series(1, ${BUILDS}::int) n join project_dir on project_dir.project_id = ${project_id}
      join package on package.name = case when n % 2 = 0 then 'lens' else 'mirror' end
    order by n`.execute(db)
  return project_id
}
