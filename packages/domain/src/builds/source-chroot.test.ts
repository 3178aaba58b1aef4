import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDb } from '@copr/testkit/postgres'
import { importChroot } from '../chroots/chroot-queries.ts'
import type { Db } from '../database/open.ts'
import { fixtures } from '../testing/fixtures.ts'
import { sourceChroot } from './source-chroot.ts'
import { type Source, submitBuild } from './submit.ts'

const now = new Date('2026-11-22T12:00:00Z')
const LIMITS = { max_upload_bytes: 1e6, max_unpacked_bytes: 1e6 }
const SPEC: Source = { type: 'link', json: { url: 'https://example.org/a.spec?x=1' } }

async function makeProject(db: Db, names: string[]) {
  const user = await fixtures(db)
    .insertInto('user_account')
    .values({ username: 'dana', created_at: now })
    .returning('id')
    .executeTakeFirstOrThrow()
  const project = await fixtures(db)
    .insertInto('project')
    .values({ ownername: 'dana', name: 'telescope', user_id: user.id, created_at: now })
    .returning(['id', 'ownername', 'name'])
    .executeTakeFirstOrThrow()
  for (const name of names) {
    const { id } = await importChroot(
      db,
      { name, comment: '', repos: [], install: [], macros: {}, tags: [`pool-${name}`] },
      now,
    )
    await fixtures(db)
      .insertInto('project_chroot')
      .values({ project_id: project.id, chroot_id: id })
      .execute()
  }
  const submit = async (source: Source, chroots: string[] | null = null): Promise<number> =>
    await submitBuild(
      db,
      { project, submitter_id: user.id, source, chroots, timeout_seconds: 60, limits: LIMITS },
      now,
    )
  return { project, submit }
}

for (const [title, names, chroots, want] of [
  [
    'the newest release',
    ['fedora-9-x86_64', 'fedora-43-x86_64', 'fedora-42-x86_64'],
    null,
    'fedora-43-x86_64',
  ],
  [
    'a numbered release before rawhide',
    ['fedora-rawhide-x86_64', 'epel-9-x86_64'],
    null,
    'epel-9-x86_64',
  ],
  [
    'x86_64 before other architectures',
    ['fedora-43-aarch64', 'fedora-42-x86_64'],
    null,
    'fedora-42-x86_64',
  ],
  ['the only architecture', ['fedora-43-riscv64'], null, 'fedora-43-riscv64'],
  [
    'a chroot of the build',
    ['fedora-43-x86_64', 'fedora-42-aarch64'],
    ['fedora-42-aarch64'],
    'fedora-42-aarch64',
  ],
] as const)
  test(`an SRPM is made in ${title}, on a machine with the architecture and tags of that chroot`, async () => {
    await using t = await openTestDb()
    const { submit } = await makeProject(t.db, [...names])
    const id = await submit(SPEC, chroots && [...chroots])
    const task = await t.db.selectFrom('task').selectAll().executeTakeFirstOrThrow()
    assert.deepEqual(
      [task.kind, task.arch, task.tags],
      ['source', want.split('-').at(-1), [`pool-${want}`]],
    )
    const build = await t.db
      .selectFrom('build')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    assert.equal((await sourceChroot(t.db, build, task.arch))?.name, want)
  })

test('any machine may download an SRPM, because that needs no chroot', async () => {
  await using t = await openTestDb()
  const { submit } = await makeProject(t.db, ['fedora-43-x86_64'])
  await submit({ type: 'link', json: { url: 'https://example.org/a.spec/b.src.rpm' } })
  const task = await t.db.selectFrom('task').selectAll().executeTakeFirstOrThrow()
  assert.deepEqual([task.arch, task.tags], [null, []])
  const build = await t.db.selectFrom('build').selectAll().executeTakeFirstOrThrow()
  assert.equal(await sourceChroot(t.db, build), undefined)
})

test('a script runs in the chroot that it names, even if the project does not have that chroot', async () => {
  await using t = await openTestDb()
  const { submit } = await makeProject(t.db, ['fedora-43-x86_64'])
  const own = { name: 'epel-9-s390x', comment: '', repos: [], install: [], macros: {}, tags: [] }
  await importChroot(t.db, own, now)
  await submit({ type: 'custom', json: { chroot: 'epel-9-s390x', script: 'true' } })
  const task = await t.db.selectFrom('task').selectAll().executeTakeFirstOrThrow()
  assert.equal(task.arch, 's390x')
  await assert.rejects(
    submit({ type: 'custom', json: { chroot: 'epel-5-i386', script: 'true' } }),
    /^CoprError: Cannot run the script: the chroot epel-5-i386 does not exist$|epel-5-i386 does not exist$/,
  )
})

test('the source of a build from an uploaded spec file is pending until a builder has made the source package', async () => {
  await using t = await openTestDb()
  const { submit } = await makeProject(t.db, ['fedora-43-x86_64'])
  const json = { tmp: 'x', pkg: 'a.spec', url: 'http://copr.example/tmp/x/a.spec' }
  await submit({ type: 'upload', json, bytes: 100 })
  const build = await t.db.selectFrom('build').selectAll().executeTakeFirstOrThrow()
  assert.deepEqual([build.source_state, build.source_started_at], ['pending', null])
})
