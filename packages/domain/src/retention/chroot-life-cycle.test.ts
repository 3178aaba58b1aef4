import { openTestDb, type TestDb } from '@copr/testkit/postgres'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listAudit } from '../audit/audit-queries.ts'
import { listProjectChroots } from '../projects/project-chroots.ts'
import { COMMAND } from '../audit/actor.ts'
import { createUser } from '../users/user-queries.ts'
import { listAliases, setAlias } from '../chroots/chroot-aliases.ts'
import { listActiveChroots } from '../chroots/chroot-queries.ts'
import {
  addChroot,
  chrootState,
  commentChroot,
  enableChroot,
  endChroot,
  listChroots,
  pauseChroot,
} from './chroot-life-cycle.ts'
import { fixtures } from '../testing/fixtures.ts'

const NOW = new Date('2026-11-22T12:00:00Z')
const NAME = 'fedora-43-x86_64'
const OTHER = 'fedora-44-x86_64'

function configOf(name: string) {
  const repo = { id: 'base', name: 'base', baseurl: 'https://mirror.example.org/', gpgcheck: false }
  const unset = { priority: null, module_hotfixes: null, repo_gpgcheck: null, gpgkey: null }
  const rest = { install: ['bash'], macros: {}, tags: [] }
  return { name, comment: 'Fedora', repos: [{ ...repo, ...unset }], ...rest }
}

/** Inserts two chroots, and dana's project with a build that is pending in both. */
async function openChroots(): Promise<TestDb & { project_id: number }> {
  const test = await openTestDb()
  const { db } = test
  const dana = await createUser(db, { username: 'dana', now: NOW })
  const chroots = [
    await addChroot(db, COMMAND, configOf(NAME), NOW),
    await addChroot(db, COMMAND, configOf(OTHER), NOW),
  ]
  const { id: project_id } = await db
    .insertInto('project')
    .values({ ownername: 'dana', name: 'telescope', user_id: dana.id, created_at: NOW })
    .returning('id')
    .executeTakeFirstOrThrow()
  await db
    .insertInto('project_chroot')
    .values(chroots.map(({ id }) => ({ project_id, chroot_id: id })))
    .execute()
  const { id: project_dir_id } = await db
    .insertInto('project_dir')
    .values({ project_id, name: 'telescope', created_at: NOW })
    .returning('id')
    .executeTakeFirstOrThrow()
  const { id: build_id } = await db
    .insertInto('build')
    .values({
      project_id,
      project_dir_id,
      source_type: 'link',
      source_json: '{}',
      source_state: 'succeeded',
      state: 'pending',
      submitted_at: NOW,
      timeout_seconds: 18_000,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await fixtures(db)
    .insertInto('build_chroot')
    .values(chroots.map(({ id }) => ({ build_id, chroot_id: id, state: 'pending' as const })))
    .execute()
  return { ...test, project_id }
}

const namesOf = (chroots: { name: string }[]): string[] => chroots.map(({ name }) => name)

test('a paused chroot accepts no builds, keeps its data, and can be enabled again unchanged', async () => {
  await using test = await openChroots()
  const { db, project_id } = test
  const paused = await pauseChroot(db, COMMAND, NAME, NOW)
  assert.equal(chrootState(paused), 'paused')
  assert.deepEqual(namesOf(await listActiveChroots(db)), [OTHER])
  const states = await db.selectFrom('build_chroot').select('state').execute()
  assert.deepEqual(states, [{ state: 'pending' }, { state: 'pending' }])
  assert.equal(chrootState(await enableChroot(db, COMMAND, NAME, NOW)), 'active')
  const chroots = await listProjectChroots(db, [project_id])
  assert.deepEqual(
    chroots.map(({ delete_after }) => delete_after),
    [null, null],
  )
})

test('endChroot() cancels the unfinished builds in the chroot, and schedules the removal of its data in 180 days', async () => {
  await using test = await openChroots()
  const { db, project_id } = test
  assert.equal(chrootState(await endChroot(db, COMMAND, NAME, NOW)), 'ended')
  const states = await db.selectFrom('build_chroot').select('state').orderBy('id').execute()
  assert.deepEqual(states, [{ state: 'canceled' }, { state: 'pending' }])
  const until = new Date('2027-05-21T12:00:00Z')
  const dates = async () =>
    (await listProjectChroots(db, [project_id])).map(({ delete_after }) => delete_after)
  assert.deepEqual(await dates(), [until, null])
  await assert.rejects(endChroot(db, COMMAND, NAME, NOW), /end of life already/)
  await enableChroot(db, COMMAND, NAME, NOW)
  assert.deepEqual(await dates(), [null, null])
})

test('a chroot that is imported again keeps its state and the comment that an administrator wrote', async () => {
  await using test = await openChroots()
  const { db } = test
  await pauseChroot(db, COMMAND, NAME, NOW)
  const again = await addChroot(db, COMMAND, { ...configOf(NAME), comment: 'Fedora 43' }, NOW)
  assert.deepEqual([again.is_active, again.comment], [false, 'Fedora 43'])
  await commentChroot(db, COMMAND, NAME, { comment: 'Old', now: NOW })
  const last = await addChroot(db, COMMAND, configOf(NAME), NOW)
  assert.equal(last.comment, 'Old')
  assert.deepEqual(namesOf(await listChroots(db)), [NAME, OTHER])
  await assert.rejects(pauseChroot(db, COMMAND, 'fedora-1-x86_64', NOW), /does not exist/)
})

test('an alias must refer to existing chroots, and each change is audited', async () => {
  await using test = await openChroots()
  const { db } = test
  const alias = { name_release: 'epel-10', target: 'fedora-43' }
  await setAlias(db, COMMAND, alias, NOW)
  assert.deepEqual(await listAliases(db), [alias])
  await setAlias(db, COMMAND, { ...alias, target: 'fedora-44' }, NOW)
  await assert.rejects(
    setAlias(db, COMMAND, { ...alias, target: 'fedora-99' }, NOW),
    /no chroot belongs to/,
  )
  await assert.rejects(
    setAlias(db, COMMAND, { ...alias, target: 'epel-10' }, NOW),
    /an alias of itself/,
  )
  await assert.rejects(
    setAlias(db, COMMAND, { ...alias, name_release: 'epel' }, NOW),
    /NAME-RELEASE/,
  )
  await setAlias(db, COMMAND, { ...alias, target: undefined }, NOW)
  assert.deepEqual(await listAliases(db), [])
  await assert.rejects(setAlias(db, COMMAND, { ...alias, target: undefined }, NOW), /no alias/)
  assert.deepEqual(
    (await listAudit(db, { actor: 'coprctl' }, 3)).map(({ details }) => details),
    [{ target: null }, { target: 'fedora-44' }, { target: 'fedora-43' }],
  )
})
