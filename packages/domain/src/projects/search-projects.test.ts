import { COMMAND } from '../audit/actor.ts'
import { openTestDb } from '@copr/testkit/postgres'
import assert from 'node:assert/strict'
import test from 'node:test'
import { sql } from 'kysely'
import { importChroot } from '../chroots/chroot-queries.ts'
import type { Db } from '../database/open.ts'
import { createUser } from '../users/user-queries.ts'
import { createProject } from './create-project.ts'
import { listProjects, PROJECT_ORDERS, type ProjectPage } from './project-queries.ts'
import { allFoundProjects, type ProjectSearch, searchProjects } from './search-projects.ts'

const NOW = new Date('2026-11-22T12:00:00Z')
const NEWEST: ProjectPage = { offset: 0, order: 'id', descending: true }

test('searchProjects() searches owners, names, descriptions, packages and chroots', async () => {
  await using t = await openTestDb()
  await fill(t.db)
  const cases: [string, string[]][] = [
    ['dana', ['microscope', 'telescope']],
    ['TELESC', ['telescope']],
    ['far away', ['telescope']],
    ['small', ['microscope']],
    ['lens-tools', ['microscope']],
    ['x86_64', ['microscope', 'telescope']],
    ['debian-12', ['observatory']],
    // Each word may match in a different place, but all must match in the same project.
    ['dana debian-12', []],
    ['scope lens-tools', ['microscope']],
    ['kim debian-12', ['observatory']],
    // Words too short for the index are ignored when there are longer ones.
    ['telescope a', ['telescope']],
    // Wildcards match literally.
    ['tel%ope', []],
    ['tele_cope', []],
    ['100%', ['microscope']],
    ['gone', []],
    [String.raw`back\slash`, []],
  ]
  for (const [words, want] of cases)
    assert.deepEqual(await found(t.db, { words }), want, `looking for ${words}`)
})

test('searchProjects() matches substrings of owner and project names', async () => {
  await using t = await openTestDb()
  await fill(t.db)
  assert.deepEqual(await found(t.db, { owner: 'DAN', project: 'scope' }), [
    'microscope',
    'telescope',
  ])
  assert.deepEqual(await found(t.db, { owner: '', project: 'tele' }), ['telescope'])
  assert.deepEqual(await found(t.db, { owner: 'kim', project: 'tele' }), [])
  assert.deepEqual(await found(t.db, { owner: '@sta', project: '' }), ['galaxy'])
})

test('the concatenated pages of a search or list equal the unpaged result in every sort order', async () => {
  await using t = await openTestDb()
  await fill(t.db)
  await sql`insert into project (ownername, name, user_id, created_at)
    select 'kim', (array['scope-a','scope-b'])[1 + n % 2] || n / 2, user_account.id, ${NOW}::timestamptz - (n % 7) * interval '1 day'
    from generate_series(1, 600) n join user_account on username = 'kim'`.execute(t.db)
  for (const order of PROJECT_ORDERS)
    for (const descending of [false, true]) {
      const page = { offset: 0, order, descending }
      const whole = await listProjects(t.db, { ownername: 'kim', page })
      assert.equal(whole.length, 601)
      const scopes = await searchProjects(t.db, { words: 'scope' }, page)
      assert.equal(scopes.length, 602)
      const listed: number[] = []
      const searched: number[] = []
      for (let offset = 0; offset < 800; offset += 250) {
        const part = { ...page, limit: 250, offset }
        for (const { id } of await listProjects(t.db, { ownername: 'kim', page: part }))
          listed.push(id)
        for (const { id } of await searchProjects(t.db, { words: 'scope' }, part)) searched.push(id)
      }
      assert.deepEqual(
        listed,
        whole.map(({ id }) => id),
      )
      assert.deepEqual(
        searched,
        scopes.map(({ id }) => id),
      )
      const streamed: number[] = []
      for await (const part of allFoundProjects(t.db, { words: 'scope' }, page))
        streamed.push(...part.map(({ id }) => id))
      assert.deepEqual(streamed, searched)
      const keys = whole.map((project) => project[order])
      const sorted = keys.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
      assert.deepEqual(keys, descending ? sorted.toReversed() : sorted)
    }
})

async function found(db: Db, search: ProjectSearch): Promise<string[]> {
  return (await searchProjects(db, search, NEWEST)).map(({ name }) => name)
}

async function fill(db: Db): Promise<void> {
  const config = { comment: '', repos: [], install: [], macros: {}, tags: [] }
  for (const name of ['fedora-43-x86_64', 'debian-12-aarch64'])
    await importChroot(db, { name, ...config }, NOW)
  const dana = await createUser(db, { username: 'dana', now: NOW })
  const kim = await createUser(db, { username: 'kim', now: NOW })
  const make = (
    ownername: string,
    name: string,
    chroot: string,
    settings: { description?: string; instructions?: string } = {},
  ) =>
    createProject(db, COMMAND, {
      ownername,
      name,
      user_id: ownername === 'dana' ? dana.id : kim.id,
      chroots: [chroot],
      settings,
      now: NOW,
    })
  await make('dana', 'telescope', 'fedora-43-x86_64', { description: 'Sees far, far away' })
  const { id } = await make('dana', 'microscope', 'fedora-43-x86_64', {
    instructions: 'For small things, 100% of them',
  })
  await sql`insert into package (project_id, name, source_type, source_json, created_at)
    values (${id}, 'lens-tools', 'upload', '{}', ${NOW})`.execute(db)
  await make('kim', 'observatory', 'debian-12-aarch64')
  await make('@stars', 'galaxy', 'debian-12-aarch64')
  await db
    .updateTable('project_chroot')
    .set({ is_enabled: false })
    .where('project_id', 'in', db.selectFrom('project').select('id').where('name', '=', 'galaxy'))
    .execute()
  const gone = await make('dana', 'gone', 'fedora-43-x86_64')
  await db.updateTable('project').set({ deleted_at: NOW }).where('id', '=', gone.id).execute()
}
