import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { openTestDb } from '@copr/testkit/postgres'
import { sql } from 'kysely'
import { COMMAND, SYSTEM } from '../audit/actor.ts'
import { listAudit } from '../audit/audit-queries.ts'
import { cancelBuild, deleteBuilds } from '../builds/cancel.ts'
import { submitBuild } from '../builds/submit.ts'
import { importChroot } from '../chroots/chroot-queries.ts'
import type { Db } from '../database/open.ts'
import { createGroup } from '../groups/create-group.ts'
import { deleteGroup } from '../groups/delete-group.ts'
import { deletePackage } from '../packages/delete-package.ts'
import { createProject } from '../projects/create-project.ts'
import { deleteProject } from '../projects/delete-project.ts'
import { forkProject } from '../projects/fork-project.ts'
import type { Project } from '../projects/project-queries.ts'
import { wantedRemovals } from '../repositories/removals.ts'
import { expireChroots } from '../retention/expire-chroots.ts'
import { expireDirs } from '../retention/expire-dirs.ts'
import { createUser } from '../users/user-queries.ts'
import { listQuotas, resetQuota, setQuota } from './change-quota.ts'
import { requireBuildQuota, requireStorage } from './quota-check.ts'
import { largestUpload, limitsOfProject, srpmLimits } from './quota-limits.ts'
import { quotaOfOwner, quotaOfProject } from './quota-report.ts'
import { forgetSources, noteSources, requireSourceStorage } from './source-storage.ts'
import { foldStorage, storageOfOwner, storageOfProject } from './storage-use.ts'
import { storeMeasured, unmeasuredResults } from './unmeasured-results.ts'

const now = new Date('2026-11-22T12:00:00Z')
const later = (days: number): Date => new Date(now.getTime() + days * 86_400_000)
const CHROOT = 'debian-12-x86_64'
const SIZES = { max_upload_bytes: 1000, max_unpacked_bytes: 2000 }
const KIB = 1024

async function openProjects() {
  const t = await openTestDb()
  const config = { name: CHROOT, comment: '', repos: [], install: [], macros: {}, tags: [] }
  await importChroot(t.db, config, now)
  const user = await createUser(t.db, { username: 'dana', now })
  const make = async (name: string, ownername = 'dana'): Promise<Project> =>
    await createProject(t.db, COMMAND, {
      ownername,
      name,
      user_id: user.id,
      chroots: [CHROOT],
      now,
    })
  return { ...t, user, make, [Symbol.asyncDispose]: () => t[Symbol.asyncDispose]() }
}

const facts = {
  name: 'hello',
  version: '1-1',
  srpm_name: 'hello-1-1.src.rpm',
  exclusive_arch: [],
  exclude_arch: [],
}

async function submit(
  db: Db,
  project: Project,
  { limits = {}, bytes, dirname }: { limits?: object; bytes?: number; dirname?: string } = {},
): Promise<number> {
  const link = { type: 'link' as const, json: { url: 'https://example.org/a.src.rpm' } }
  const source = bytes === undefined ? link : { type: 'upload' as const, json: {}, facts, bytes }
  return await submitBuild(
    db,
    {
      project,
      dirname,
      submitter_id: project.user_id,
      source,
      chroots: null,
      timeout_seconds: 60,
      limits: { ...SIZES, ...limits },
    },
    now,
  )
}

/** Makes a canceled build whose results have this size; returns its id. */
async function buildOf(db: Db, project: Project, bytes: number, dirname?: string): Promise<number> {
  const id = await submit(db, project, { bytes: 1, ...(dirname === undefined ? {} : { dirname }) })
  await cancelBuild(db, COMMAND, id, now)
  await db
    .updateTable('build_chroot')
    .set({ result_bytes: bytes, result_dir: `0000000${id}-hello` })
    .where('build_id', '=', id)
    .execute()
  return id
}

/** Returns the sizes of an owner's results and sources; asserts that foldStorage() changes neither. */
async function heldBy(db: Db, ownername: string): Promise<[number, number]> {
  const before = await storageOfOwner(db, ownername)
  await foldStorage(db)
  assert.deepEqual(await storageOfOwner(db, ownername), before)
  return [before.results, before.sources]
}

suite('storage', () => {
  test('results count toward the storage of the project and its owner until their builds are deleted', async () => {
    await using t = await openProjects()
    const [telescope, camera] = [await t.make('telescope'), await t.make('camera')]
    const id = await buildOf(t.db, telescope, 700)
    await buildOf(t.db, telescope, 50)
    await buildOf(t.db, camera, 9)
    await t.db.updateTable('build').set({ source_bytes: 30 }).where('id', '=', id).execute()
    assert.deepEqual(await heldBy(t.db, 'dana'), [789, 0])
    assert.equal((await storageOfProject(t.db, telescope)).results, 780)
    assert.equal((await storageOfProject(t.db, camera)).results, 9)
    await deleteBuilds(t.db, COMMAND, [id], now)
    assert.deepEqual(await heldBy(t.db, 'dana'), [59, 0])
    assert.equal((await storageOfProject(t.db, telescope)).results, 50)
  })

  test('concurrent storage changes of one project neither deadlock nor get lost', async () => {
    await using t = await openProjects()
    const project = await t.make('telescope')
    const ids: number[] = []
    for (let i = 0; i < 12; i++) ids.push(await buildOf(t.db, project, 100))
    // Each deletion locks several builds, which the other transactions change concurrently.
    await Promise.all([
      deleteBuilds(t.db, COMMAND, ids.slice(0, 4), now),
      deleteBuilds(t.db, COMMAND, ids.slice(4, 8), now),
      ...ids.map((id) =>
        t.db
          .updateTable('build_chroot')
          .set({ result_bytes: 70 })
          .where('build_id', '=', id)
          .execute(),
      ),
      ...Array.from({ length: 5 }, () => foldStorage(t.db)),
    ])
    assert.deepEqual(await heldBy(t.db, 'dana'), [4 * 70, 0])
  })

  test("a deleted project no longer counts toward its owner's storage, even if its builds change afterwards", async () => {
    await using t = await openProjects()
    const [telescope, camera] = [await t.make('telescope'), await t.make('camera')]
    const id = await buildOf(t.db, telescope, 700)
    await foldStorage(t.db)
    await buildOf(t.db, telescope, 20)
    await buildOf(t.db, camera, 9)
    await deleteProject(t.db, COMMAND, telescope.id, now)
    await t.db
      .updateTable('build_chroot')
      .set({ result_bytes: 1 })
      .where('build_id', '=', id)
      .execute()
    assert.deepEqual(await heldBy(t.db, 'dana'), [9, 0])
  })

  test('deleting a project while foldStorage() runs neither deadlocks nor leaves a total behind', async () => {
    await using t = await openProjects()
    const project = await t.make('telescope')
    await buildOf(t.db, project, 10)
    const untilBlocked = async (count: number): Promise<void> => {
      for (;;) {
        const { rows } = await sql<{ count: number }>`
          select count(*)::int as count from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`.execute(t.db)
        if (rows[0]?.count === count) return
      }
    }
    // The deletion is first in line for the lock on the project. The fold waits behind it, and already holds locks on the storage changes.
    const works: Promise<unknown>[] = []
    await t.db.transaction().execute(async (tx) => {
      await tx.selectFrom('project').select('id').where('id', '=', project.id).forUpdate().execute()
      works.push(deleteProject(t.db, COMMAND, project.id, now))
      await untilBlocked(1)
      works.push(foldStorage(t.db))
      await untilBlocked(2)
    })
    const ended = await Promise.allSettled(works)
    assert.deepEqual(
      ended.map(({ status }) => status),
      ['fulfilled', 'fulfilled'],
    )
    assert.deepEqual(await heldBy(t.db, 'dana'), [0, 0])
    assert.deepEqual(await t.db.selectFrom('storage_use').selectAll().execute(), [])
  })

  test("expired chroots and directories no longer count toward the owner's storage", async () => {
    await using t = await openProjects()
    const project = await t.make('telescope')
    await buildOf(t.db, project, 700)
    await buildOf(t.db, project, 30, 'telescope:pr:1')
    const place = { owner: 'dana', dirname: 'telescope:pr:1', package_name: 'hello' }
    await noteSources(t.db, place, [{ name: 'a', digest: 'm', bytes: 5 }])
    assert.deepEqual(await heldBy(t.db, 'dana'), [730, 5])
    assert.equal(await expireDirs(t.db, later(41)), 1)
    assert.deepEqual(await heldBy(t.db, 'dana'), [700, 0])
    await t.db.updateTable('project_chroot').set({ is_enabled: false, delete_after: now }).execute()
    assert.equal(await expireChroots(t.db, later(1)), 1)
    assert.deepEqual(await heldBy(t.db, 'dana'), [0, 0])
  })

  test('sources with the same content count once per package, until dist-git has removed the package', async () => {
    await using t = await openProjects()
    const project = await t.make('telescope')
    const id = await buildOf(t.db, project, 10)
    const place = { owner: 'dana', dirname: 'telescope', package_name: 'hello' }
    const tarball = { name: 'hello.tar', digest: 'abc', bytes: 500 }
    await noteSources(t.db, place, [tarball, { name: '', digest: 'spec-1', bytes: 20 }])
    await noteSources(t.db, place, [tarball, { name: '', digest: 'spec-2', bytes: 30 }])
    await noteSources(t.db, { ...place, package_name: 'other' }, [tarball])
    assert.deepEqual(await heldBy(t.db, 'dana'), [10, 1050])
    await deleteBuilds(t.db, COMMAND, [id], now)
    assert.deepEqual(await heldBy(t.db, 'dana'), [0, 1050])
    await deletePackage(t.db, { actor: COMMAND, project, name: 'hello' }, now)
    const removals = await wantedRemovals(t.db, 'distgit')
    assert.deepEqual(
      removals.map(({ path }) => path),
      ['dana/telescope/hello'],
    )
    await forgetSources(t.db, place)
    assert.deepEqual(await heldBy(t.db, 'dana'), [0, 500])
  })

  test('the folders of ended builds are measured once, after their logs are complete', async () => {
    await using t = await openProjects()
    const project = await t.make('telescope')
    const id = await buildOf(t.db, project, 700)
    assert.deepEqual(await unmeasuredResults(t.db, { before: now, limit: 10 }), [])
    const found = await unmeasuredResults(t.db, { before: later(1), limit: 10 })
    assert.deepEqual(
      found.map(({ build_id, chroot, result_dir, is_deleted }) => [
        build_id,
        chroot,
        result_dir,
        is_deleted,
      ]),
      [
        [id, CHROOT, `0000000${id}-hello`, false],
        [id, null, null, false],
      ],
    )
    for (const folder of found) await storeMeasured(t.db, folder, folder.chroot === null ? 5 : 750)
    assert.deepEqual(await unmeasuredResults(t.db, { before: later(1), limit: 10 }), [])
    assert.deepEqual(await heldBy(t.db, 'dana'), [755, 0])
    assert.deepEqual(
      found[0] && (await storeMeasured(t.db, { ...found[0], build_chroot_id: 999 }, 3)),
      undefined,
    )
    assert.deepEqual(await heldBy(t.db, 'dana'), [755, 0])
  })
})

suite('refusals', () => {
  test("a submission that would exceed the owner's storage quota is refused, with the figures", async () => {
    await using t = await openProjects()
    const [telescope, camera] = [await t.make('telescope'), await t.make('camera')]
    await buildOf(t.db, telescope, 90 * KIB)
    const limits = { max_storage_bytes_per_owner: 100 * KIB }
    await submit(t.db, camera, { limits })
    await submit(t.db, camera, { limits, bytes: 10 * KIB })
    await assert.rejects(submit(t.db, camera, { limits, bytes: 10 * KIB + 1 }), {
      kind: 'over_quota',
      message:
        'Cannot submit the build: the projects of dana hold 90 KiB and would get 10 KiB more, the limit is 100 KiB; delete builds, packages or projects, or ask an administrator for a higher quota',
    })
    const id = await buildOf(t.db, camera, 10 * KIB)
    await assert.rejects(
      submit(t.db, camera, { limits }),
      /the projects of dana hold 100 KiB, the limit is 100 KiB;/,
    )
    await deleteBuilds(t.db, COMMAND, [id], now)
    await submit(t.db, camera, { limits })
  })

  test('a project that exceeds its own storage quota is refused, even if its owner has storage left', async () => {
    await using t = await openProjects()
    const [telescope, camera] = [await t.make('telescope'), await t.make('camera')]
    await buildOf(t.db, telescope, 90 * KIB)
    const limits = { max_storage_bytes_per_project: 50 * KIB }
    await assert.rejects(
      submit(t.db, telescope, { limits }),
      /dana\/telescope holds 90 KiB, the limit is 50 KiB;/,
    )
    await submit(t.db, camera, { limits })
    await setQuota(t.db, COMMAND, {
      subject: { project: telescope },
      values: { storage_bytes: null },
      now,
    })
    await submit(t.db, telescope, { limits })
  })

  test("a group's projects count against the group's quota, not against its members' quotas", async () => {
    await using t = await openProjects()
    await createGroup(t.db, SYSTEM, { name: 'orbit', now })
    const [libs, own] = [await t.make('libs', '@orbit'), await t.make('telescope')]
    await buildOf(t.db, libs, 90 * KIB)
    const limits = { max_storage_bytes_per_owner: 50 * KIB }
    await assert.rejects(submit(t.db, libs, { limits }), /projects of @orbit hold 90 KiB/)
    await submit(t.db, own, { limits })
  })

  test('the queue accepts exactly as many waiting tasks as the quota allows, however many are submitted concurrently', async () => {
    await using t = await openProjects()
    const [telescope, camera] = [await t.make('telescope'), await t.make('camera')]
    const limits = { max_queued_builds_per_owner: 5 }
    const all = await Promise.allSettled(
      Array.from({ length: 12 }, (_, i) => submit(t.db, i % 2 ? telescope : camera, { limits })),
    )
    assert.equal(all.filter(({ status }) => status === 'fulfilled').length, 5)
    const [refused] = all.flatMap((each) =>
      each.status === 'rejected' ? [(each.reason as Error).message] : [],
    )
    assert.equal(
      refused,
      'Cannot submit the build: dana has 5 waiting tasks, the limit is 5; wait until some have started, cancel builds, or ask an administrator for a higher quota',
    )
    const waiting = await t.db.selectFrom('build').select(['id']).executeTakeFirstOrThrow()
    await cancelBuild(t.db, COMMAND, waiting.id, now)
    await submit(t.db, telescope, { limits })
    await assert.rejects(
      requireBuildQuota(t.db, telescope, { limits: { ...SIZES, ...limits }, builds: 3 }),
      /^CoprError: Cannot submit 3 builds: dana has 5 waiting tasks, the limit is 5/,
    )
  })

  test('a project has its own quota of waiting tasks', async () => {
    await using t = await openProjects()
    const [telescope, camera] = [await t.make('telescope'), await t.make('camera')]
    const limits = { max_queued_builds_per_project: 1 }
    await submit(t.db, telescope, { limits })
    await assert.rejects(
      submit(t.db, telescope, { limits }),
      /dana\/telescope has 1 waiting task, the limit is 1;/,
    )
    await submit(t.db, camera, { limits })
  })

  test('only sources that dist-git does not have yet count in the storage check of an import', async () => {
    await using t = await openProjects()
    const project = await t.make('telescope')
    await buildOf(t.db, project, 90 * KIB)
    const place = { owner: 'dana', dirname: 'telescope', package_name: 'hello' }
    const limits = { ...SIZES, max_storage_bytes_per_owner: 100 * KIB }
    const known = { name: 'a.tar', digest: 'm', bytes: 5 * KIB }
    await noteSources(t.db, place, [known])
    await requireSourceStorage(t.db, place, { sources: [known], limits })
    const sources = [known, { name: 'b.tar', digest: 'n', bytes: 6 * KIB }]
    await assert.rejects(
      requireSourceStorage(t.db, place, { sources, limits }),
      /^CoprError: Cannot import the sources of hello: the projects of dana hold 95 KiB and would get 6 KiB more, the limit is 100 KiB;/,
    )
  })

  test('a fork is refused while its owner exceeds the storage quota', async () => {
    await using t = await openProjects()
    const source = await t.make('telescope')
    await buildOf(t.db, source, 90 * KIB)
    const actor = { ...t.user, via: 'web' }
    const fork = { source, ownername: 'dana', name: 'fork', confirm: false, now }
    const limits = { ...SIZES, max_storage_bytes_per_owner: 50 * KIB }
    await assert.rejects(forkProject(t.db, actor, { ...fork, limits }), {
      kind: 'over_quota',
      message: /^Cannot fork the project: the projects of dana hold 90 KiB/,
    })
    await forkProject(t.db, actor, { ...fork, limits: SIZES })
  })
})

test('the quota check of a submission reads no builds or files, and no storage totals of other owners', async () => {
  await using t = await openProjects()
  const project = await t.make('telescope')
  await buildOf(t.db, project, 10)
  await foldStorage(t.db)
  await sql`
    with added as (
      insert into project (ownername, name, user_id, created_at)
      select 'owner' || n % 50, 'p' || n, ${t.user.id}, ${now} from generate_series(1, 20000) as n
      returning id, ownername)
    insert into storage_use select id, ownername, 1, 1 from added`.execute(t.db)
  await sql`vacuum analyze storage_use`.execute(t.db)
  const limits = { max_storage_bytes_per_owner: 100, max_storage_bytes_per_project: 100 }
  const all = { ...SIZES, ...limits, max_queued_builds_per_owner: 9 }
  await t.db.transaction().execute(async (tx) => {
    const reads = async (): Promise<Map<string, number>> => {
      const { rows } = await sql<{ relname: string; n: number }>`
        select relname, (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) + coalesce(seq_scan, 0)
          + coalesce(idx_scan, 0))::int as n from pg_stat_xact_user_tables`.execute(tx)
      return new Map(rows.map(({ relname, n }) => [relname, n]))
    }
    const before = await reads()
    await requireBuildQuota(tx, project, { limits: all })
    const after = await reads()
    const read = (table: string): number => (after.get(table) ?? 0) - (before.get(table) ?? 0)
    assert.deepEqual(
      ['build', 'build_chroot', 'distgit_source', 'built_package'].map(read),
      [0, 0, 0, 0],
    )
    assert.ok(read('storage_use') < 20, `${read('storage_use')} rows and scans`)
    assert.ok(read('storage_use') > 0)
  })
})

suite('setQuota() and resetQuota()', () => {
  test("quotas of an owner or project replace the configured limits; a project's SRPM sizes replace its owner's", async () => {
    await using t = await openProjects()
    const project = await t.make('telescope')
    const limits = { ...SIZES, max_storage_bytes_per_owner: 10, max_builds_per_owner: 3 }
    const subject = { ownername: 'dana' }
    assert.deepEqual(await srpmLimits(t.db, project, limits), {
      upload_bytes: 1000,
      unpacked_bytes: 2000,
    })
    await setQuota(t.db, COMMAND, {
      subject,
      values: { storage_bytes: null, upload_bytes: 5000, running_builds: 7 },
      now,
    })
    await setQuota(t.db, COMMAND, { subject: { project }, values: { upload_bytes: 100 }, now })
    const { owner, project: own } = await limitsOfProject(t.db, project, limits)
    assert.deepEqual(owner.storage_bytes, { max: null, is_set: true })
    assert.deepEqual(owner.running_builds, { max: 7, is_set: true })
    assert.deepEqual(owner.queued_builds, { max: null, is_set: false })
    assert.deepEqual(own.storage_bytes, { max: null, is_set: false })
    assert.equal((await srpmLimits(t.db, project, limits)).upload_bytes, 100)
    assert.equal(await largestUpload(t.db, limits), 5000)
    await resetQuota(t.db, COMMAND, { subject: { project }, kinds: ['upload_bytes'], now })
    assert.equal((await srpmLimits(t.db, project, limits)).upload_bytes, 5000)
    await resetQuota(t.db, COMMAND, { subject, kinds: ['upload_bytes', 'storage_bytes'], now })
    assert.deepEqual(await listQuotas(t.db), [{ subject: 'dana', kind: 'running_builds', max: 7 }])
    const noted = await listAudit(t.db, {}, 4)
    assert.deepEqual(
      noted.map(({ action, subject: of }) => `${action} ${of}`),
      [
        'quota.reset user dana',
        'quota.reset dana/telescope',
        'quota.set dana/telescope',
        'quota.set user dana',
      ],
    )
  })

  for (const [values, message] of [
    [{ storage_bytes: 0 }, /expected a whole number from 1 to 9007199254740991, received 0/],
    [{ queued_builds: 1.5 }, /received 1.5/],
    [{ running_builds: -1 }, /received -1/],
    [{ storage_bytes: 2 ** 53 }, /received 9007199254740992/],
    [{ unpacked_bytes: null }, /the size of an SRPM must have a limit/],
  ] as const)
    test(`setQuota() refuses ${JSON.stringify(values)}`, async () => {
      await using t = await openProjects()
      const wanted = { subject: { ownername: 'dana' }, values, now }
      await assert.rejects(setQuota(t.db, COMMAND, wanted), message)
      assert.deepEqual(await listQuotas(t.db), [])
    })

  test('setQuota() refuses owners and projects that do not exist', async () => {
    await using t = await openProjects()
    const project = await t.make('telescope')
    await deleteProject(t.db, COMMAND, project.id, now)
    const values = { queued_builds: 5 }
    for (const [subject, message] of [
      [{ ownername: 'kim' }, /User kim does not exist/],
      [{ ownername: '@orbit' }, /Group @orbit does not exist/],
      [{ project }, /Project dana\/telescope does not exist/],
    ] as const)
      await assert.rejects(setQuota(t.db, COMMAND, { subject, values, now }), message)
  })

  test('a new group or project with the name of a deleted one does not inherit its quotas', async () => {
    await using t = await openProjects()
    const values = { queued_builds: 5 }
    const group = await createGroup(t.db, SYSTEM, { name: 'orbit', now })
    await setQuota(t.db, COMMAND, { subject: { ownername: '@orbit' }, values, now })
    await deleteGroup(t.db, COMMAND, group, now)
    const project = await t.make('telescope')
    await setQuota(t.db, COMMAND, { subject: { project }, values, now })
    await deleteProject(t.db, COMMAND, project.id, now)
    assert.deepEqual(await listQuotas(t.db), [])
    const again = await t.make('telescope')
    const { rows } = await quotaOfProject(t.db, again, SIZES)
    assert.ok(rows.every(({ is_set }) => !is_set))
  })

  test('a quota report contains the usage and the limit of each kind of quota', async () => {
    await using t = await openProjects()
    const project = await t.make('telescope')
    await buildOf(t.db, project, 700)
    const place = { owner: 'dana', dirname: 'telescope', package_name: 'hello' }
    await noteSources(t.db, place, [{ name: 'a', digest: 'm', bytes: 5 }])
    await submit(t.db, project)
    const limits = { ...SIZES, max_storage_bytes_per_owner: 5000, max_builds_per_project: 2 }
    const owner = await quotaOfOwner(t.db, 'dana', limits)
    assert.deepEqual(owner.storage, { results: 700, sources: 5 })
    assert.deepEqual(
      owner.rows.map(({ kind, used, max }) => [kind, used, max]),
      [
        ['storage_bytes', 705, 5000],
        ['running_builds', 0, null],
        ['queued_builds', 1, null],
        ['upload_bytes', null, 1000],
        ['unpacked_bytes', null, 2000],
      ],
    )
    const own = await quotaOfProject(t.db, project, limits)
    assert.deepEqual(
      own.rows.map(({ kind, used, max }) => [kind, used, max]),
      [
        ['storage_bytes', 705, null],
        ['running_builds', 0, 2],
        ['queued_builds', 1, null],
        ['upload_bytes', null, 1000],
        ['unpacked_bytes', null, 2000],
      ],
    )
    await requireStorage(t.db, project, { refusal: 'Cannot test', bytes: 1000, limits })
  })
})
