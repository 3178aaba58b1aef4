import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { openTestDb } from '@copr/testkit/postgres'
import { COMMAND } from '../audit/actor.ts'
import { addMembers } from '../builds/add-members.ts'
import { cancelBuild } from '../builds/cancel.ts'
import { cancelChain } from '../builds/cancel-chain.ts'
import { submitBuild } from '../builds/submit.ts'
import { finishTask, requeueTask } from '../builds/task-outcomes.ts'
import type { Db } from '../database/open.ts'
import { createMachine, enrollMachine, machineOfSession } from '../machines/machines.ts'
import { type Claimant, claimTask } from '../queue/claim-task.ts'
import { claimPublish, type TaskRow } from '../queue/leases.ts'
import { whyWaiting } from '../queue/why-waiting.ts'
import { waitingTasks } from '../quotas/task-counts.ts'
import { markPublished } from '../repositories/publishing.ts'
import { advanceChains } from './advance-chains.ts'
import { chainReport } from './chain-report.ts'
import { createChain, MAX_CHAIN_BUILDS, startChain } from './chains.ts'

const now = new Date('2026-11-22T12:00:00Z')
const LIMITS = { max_upload_bytes: 1e6, max_unpacked_bytes: 1e6 }
const CHROOT = 'debian-12-x86_64'

interface Site extends AsyncDisposable {
  db: Db
  machine: Claimant
  project: { id: number; ownername: string; name: string }
  submitter_id: number
}

/** Opens a database with a project that has one chroot, and with a machine. */
async function openSite(): Promise<Site> {
  const t = await openTestDb()
  const { db } = t
  const user = await db
    .insertInto('user_account')
    .values({ username: 'dana', created_at: now })
    .returning('id')
    .executeTakeFirstOrThrow()
  const project = await db
    .insertInto('project')
    .values({ ownername: 'dana', name: 'telescope', user_id: user.id, created_at: now })
    .returning(['id', 'ownername', 'name'])
    .executeTakeFirstOrThrow()
  await db
    .insertInto('project_dir')
    .values({ project_id: project.id, name: 'telescope', created_at: now })
    .execute()
  const config = { name: CHROOT, comment: '', repos: [], install: [], macros: {}, tags: [] }
  const chroot = await db
    .insertInto('chroot')
    .values({
      name: CHROOT,
      os_release: 'debian',
      os_version: '12',
      arch: 'x86_64',
      distgit_branch: 'debian12',
      config: JSON.stringify(config),
      created_at: now,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await db
    .insertInto('project_chroot')
    .values({ project_id: project.id, chroot_id: chroot.id })
    .execute()
  const kinds = ['source', 'import', 'rpm'] as ('source' | 'import' | 'rpm')[]
  const { enroll_token } = await createMachine(db, { pool: 'test', name: 'm', kinds, now })
  const enrolled = await enrollMachine(db, {
    enroll_token,
    name: 'm',
    kinds,
    arches: ['x86_64'],
    tags: [],
    now,
  })
  const machine = enrolled && (await machineOfSession(db, enrolled.session_token, now))
  assert.ok(machine)
  return {
    db,
    machine,
    project,
    submitter_id: user.id,
    [Symbol.asyncDispose]: () => t[Symbol.asyncDispose](),
  }
}

/** Adds an uploaded SRPM to a chain; returns the build's id. */
async function add(
  { db, project, submitter_id }: Site,
  chain_id: number | undefined,
  name: string,
  requires: string[] = [],
): Promise<number> {
  const srpm_name = `${name}-1-1.src.rpm`
  const facts = { name, version: '1-1', srpm_name, exclusive_arch: [], exclude_arch: [], requires }
  return await submitBuild(
    db,
    {
      project,
      submitter_id,
      source: { type: 'upload', json: {}, facts, bytes: 1000 },
      chroots: null,
      timeout_seconds: 60,
      limits: LIMITS,
      chain_id,
    },
    now,
  )
}

async function claim({ db, machine }: Site): Promise<TaskRow | undefined> {
  return await claimTask(db, machine, { lease: randomUUID(), now, lease_seconds: 30 })
}

/** Imports the sources of all builds. */
async function importAll(site: Site): Promise<void> {
  for (let task = await claim(site); task; task = await claim(site)) {
    assert.equal(task.kind, 'import')
    const branch_commits = { debian12: 'a'.repeat(40) }
    const outcome = { kind: 'import' as const, branch_commits, source_bytes: 0 }
    await finishTask(site.db, task.lease ?? '', outcome, now)
  }
}

/** Creates and starts a chain of packages whose headers have the given requirements; returns the chain and its builds. */
async function started(
  site: Site,
  packages: Record<string, string[]>,
): Promise<{ chain: number; builds: Record<string, number> }> {
  const chain = await createChain(site.db, site.project.id, now)
  const builds: Record<string, number> = {}
  for (const [name, requires] of Object.entries(packages))
    builds[name] = await add(site, chain, name, requires)
  await startChain(site.db, chain, now)
  await importAll(site)
  await advanceChains(site.db, now)
  return { chain, builds }
}

/** Finishes an attempt that found these requirements missing. */
async function lacks({ db }: Site, task: TaskRow, unmet: string[], provides: string[] = []) {
  const found = { unmet, provides }
  await finishTask(db, task.lease ?? '', { kind: 'failed', reason: 'missing', found }, now)
  await advanceChains(db, now)
}

/** Finishes and publishes the build of a claimed task. */
async function build({ db }: Site, task: TaskRow, provides: string[]): Promise<void> {
  await finishTask(db, task.lease ?? '', { kind: 'rpm', files: [], seconds: {} }, now)
  const publish = await claimPublish(db, { lease: randomUUID(), now, lease_seconds: 30 })
  assert.ok(publish)
  const dependencies = { requires: [], provides }
  const added = { packages: [], members: [], result_bytes: 0, dependencies, now }
  await addMembers(db, { lease: publish.lease ?? '', ...added })
  const { id, generation } = await db
    .selectFrom('repository')
    .select(['id', 'generation'])
    .executeTakeFirstOrThrow()
  await markPublished(db, { repository_id: id, generation, now })
  await advanceChains(db, now)
}

/** Claims all queued tasks; returns them by build id. */
async function claimAll(site: Site): Promise<Map<number, TaskRow>> {
  const tasks = new Map<number, TaskRow>()
  for (let task = await claim(site); task; task = await claim(site)) tasks.set(task.build_id, task)
  return tasks
}

async function only(site: Site, build_id: number | undefined): Promise<TaskRow> {
  const tasks = await claimAll(site)
  assert.deepEqual([...tasks.keys()], [build_id])
  return tasks.get(build_id ?? 0) as TaskRow
}

async function textsOf({ db }: Site, build_id: number | undefined): Promise<string[]> {
  const steps = await whyWaiting(db, build_id ?? 0, { limits: {}, now })
  return steps.flatMap(({ reasons }) => reasons.map(({ kind, text }) => `${kind}: ${text}`))
}

test('a build of a chain starts at once, or after the chain has published the packages that its header requires', async () => {
  await using site = await openSite()
  const { chain, builds } = await started(site, { app: ['lib >= 1'], lib: [] })
  const lib = await only(site, builds['lib'])
  assert.deepEqual(await textsOf(site, builds['app']), [
    'chain: It waits until its chain starts it',
  ])
  assert.equal(await waitingTasks(site.db, { ownername: 'dana' }), 1, 'parked tasks count')
  await build(site, lib, ['lib = 1-1'])
  await build(site, await only(site, builds['app']), ['app = 1-1'])
  const report = await chainReport(site.db, chain)
  assert.equal(report?.state, 'succeeded')
  assert.deepEqual(report.counts, { total: 2, waiting: 0, running: 0, succeeded: 2, failed: 0 })
  assert.ok(report.chain.ended_at)
})

test('a build with missing requirements does not fail, but waits until packages of its chain provide all of them', async () => {
  await using site = await openSite()
  const { builds } = await started(site, { app: [], lib: [], perl: [] })
  const tasks = await claimAll(site)
  const [app, lib, perl] = ['app', 'lib', 'perl'].map((name) => tasks.get(builds[name] ?? 0))
  assert.ok(app && lib && perl)
  await lacks(site, app, ['perl(Lens)', 'lib-devel >= 2'])
  const waits = 'It waits for other packages of its chain: nothing provides'
  assert.deepEqual(await textsOf(site, builds['app']), [
    `chain: ${waits} perl(Lens), lib-devel >= 2 yet`,
  ])
  const { state } = await site.db
    .selectFrom('build')
    .select('state')
    .where('id', '=', app.build_id)
    .executeTakeFirstOrThrow()
  assert.equal(state, 'pending')
  await build(site, perl, ['perl(Lens)'])
  assert.equal(await claim(site), undefined, 'lib-devel is still missing')
  await build(site, lib, ['lib-devel = 2-1'])
  const again = await only(site, builds['app'])
  assert.equal(again.attempts, 2, 'the earlier attempts count as one')
  await build(site, again, ['app = 1-1'])
})

test('when no build of a chain can proceed, the waiting ones fail with the cycle or the missing requirement, and the chain ends', async () => {
  await using site = await openSite()
  const { chain, builds } = await started(site, { a: [], b: [], c: [], free: [], lost: [] })
  const tasks = await claimAll(site)
  const task = (name: string) => tasks.get(builds[name] ?? 0) as TaskRow
  await lacks(site, task('a'), ['b-devel'], ['a'])
  await lacks(site, task('b'), ['virtual(c)'], ['b', 'b-devel'])
  await lacks(site, task('c'), ['a'], ['c', 'virtual(c)'])
  await lacks(site, task('lost'), ['nowhere'], ['lost'])
  await build(site, task('free'), ['free'])
  // Each is tried once more, because a package has been published since its last attempt.
  const again = await claimAll(site)
  assert.equal(again.size, 4)
  const unmet: Record<string, string[]> = { a: ['b-devel'], b: ['virtual(c)'], c: ['a'] }
  for (const name of ['a', 'b', 'c', 'lost'])
    await lacks(site, again.get(builds[name] ?? 0) as TaskRow, unmet[name] ?? ['nowhere'])
  assert.equal(await claim(site), undefined)
  await advanceChains(site.db, now)
  const report = await chainReport(site.db, chain)
  const text = 'a -> b -> c -> a (a requires b-devel, b requires virtual(c), c requires a)'
  const cycle = { text, build_ids: ['a', 'b', 'c'].map((name) => builds[name]) }
  assert.deepEqual(report?.chroots[0]?.cycles, [cycle])
  assert.equal(report.state, 'failed')
  assert.deepEqual(report.counts, { total: 5, waiting: 0, running: 0, succeeded: 1, failed: 4 })
  const reasons = new Map(
    report.chroots[0].packages.map(({ package_name, state_reason }) => [
      package_name,
      state_reason,
    ]),
  )
  assert.equal(reasons.get('b'), `The chain has a cycle: ${text}`)
  assert.match(reasons.get('lost') ?? '', /nowhere \(neither a repository nor a package/)
})

test('an open chain builds nothing, and is started automatically after an hour', async () => {
  await using site = await openSite()
  const chain = await createChain(site.db, site.project.id, now)
  const id = await add(site, chain, 'lib')
  await importAll(site)
  await advanceChains(site.db, now)
  assert.equal(await claim(site), undefined)
  await advanceChains(site.db, new Date(now.getTime() + 3_601_000))
  await only(site, id)
})

test('a chain refuses a second build of a package, too many builds, builds after its start, and builds of other projects', async () => {
  await using site = await openSite()
  const { db, project } = site
  const chain = await createChain(db, project.id, now)
  const id = await add(site, chain, 'lib')
  await assert.rejects(add(site, chain, 'lib'), {
    message: `Cannot add lib to chain ${chain}: build ${id} of the chain is of the same package, and a chain builds each package once`,
  })
  await assert.rejects(add(site, 999, 'other'), /the project has no chain 999/)
  const [{ id: other } = { id: 0 }] = await db
    .insertInto('project')
    .values({ ownername: 'dana', name: 'other', user_id: site.submitter_id, created_at: now })
    .returning('id')
    .execute()
  await assert.rejects(
    add({ ...site, project: { ...project, id: other, name: 'other' } }, chain, 'x'),
    /the project has no chain/,
  )
  await sql`insert into build (project_id, project_dir_id, source_type, source_json, source_state, state, submitted_at, timeout_seconds, chain_id)
    select project_id, project_dir_id, source_type, source_json, source_state, state, submitted_at, timeout_seconds, chain_id
    from build, generate_series(2, ${MAX_CHAIN_BUILDS})`.execute(db)
  await assert.rejects(add(site, chain, 'last'), /the limit is 300/)
  await startChain(db, chain, now)
  await assert.rejects(add(site, chain, 'late'), /has been started already/)
  await assert.rejects(startChain(db, chain, now), /has been started already/)
})

test('a build from a link fails if its source proves to be a package that the chain already has', async () => {
  await using site = await openSite()
  const { db, project, submitter_id } = site
  const chain = await createChain(db, project.id, now)
  const first = await add(site, chain, 'lib')
  await importAll(site)
  const source = { type: 'link' as const, json: { url: 'https://example.org/x.src.rpm' } }
  const wanted = { project, submitter_id, source, chroots: [CHROOT], timeout_seconds: 60 }
  const second = await submitBuild(db, { ...wanted, limits: LIMITS, chain_id: chain }, now)
  const task = await only(site, second)
  const facts = {
    name: 'lib',
    version: '1-1',
    srpm_name: 'lib-1-1.src.rpm',
    exclusive_arch: [],
    exclude_arch: [],
  }
  await finishTask(db, task.lease ?? '', { kind: 'source', facts }, now)
  const build = await db
    .selectFrom('build')
    .select(['state', 'fail_reason', 'finished_at'])
    .where('id', '=', second)
    .executeTakeFirstOrThrow()
  assert.match(build.fail_reason ?? '', new RegExp(`build ${first} of the chain is of the same`))
  assert.equal(build.state, 'failed')
  assert.ok(build.finished_at)
})

test('canceling a build of a chain does not stop the other builds; canceling the chain ends all of them, and starts no more', async () => {
  await using site = await openSite()
  const { db } = site
  const { chain, builds } = await started(site, {
    app: ['lib'],
    lib: [],
    other: ['base'],
    base: [],
  })
  await cancelBuild(db, COMMAND, builds['lib'] ?? 0, now)
  await advanceChains(db, now)
  // app starts although lib was canceled, because the repositories may contain lib.
  const tasks = await claimAll(site)
  assert.deepEqual(new Set(tasks.keys()), new Set([builds['app'], builds['base']]))
  await cancelChain(db, COMMAND, chain, now)
  await cancelChain(db, COMMAND, chain, now)
  await advanceChains(db, now)
  assert.equal((await chainReport(db, chain))?.state, 'canceled')
  assert.equal(await waitingTasks(db, { ownername: 'dana' }), 0)
})

test('a chain task is requeued if its machine is lost; missing requirements fail a build outside of a chain at once', async () => {
  await using site = await openSite()
  const { builds } = await started(site, { lib: [] })
  const task = await only(site, builds['lib'])
  const lost = { reason: 'lost', max_attempts: 3, now }
  assert.equal(await requeueTask(site.db, task.lease ?? '', lost), 'queued')
  await only(site, builds['lib'])
  const single = await add(site, undefined, 'single')
  const imported = await only(site, single)
  const branch_commits = { debian12: 'a'.repeat(40) }
  const outcome = { kind: 'import' as const, branch_commits, source_bytes: 0 }
  await finishTask(site.db, imported.lease ?? '', outcome, now)
  await lacks(site, await only(site, single), ['nowhere'])
  const { state } = await site.db
    .selectFrom('build')
    .select('state')
    .where('id', '=', single)
    .executeTakeFirstOrThrow()
  assert.equal(state, 'failed')
})

test('advanceChains() is idempotent and may run in several processes at once', async () => {
  await using site = await openSite()
  const { builds } = await started(site, { app: ['lib'], lib: [] })
  const lib = await only(site, builds['lib'])
  await finishTask(site.db, lib.lease ?? '', { kind: 'failed', reason: 'broken' }, now)
  await Promise.all(Array.from({ length: 8 }, () => advanceChains(site.db, now)))
  const app = await only(site, builds['app'])
  await finishTask(
    site.db,
    app.lease ?? '',
    { kind: 'failed', reason: 'missing', found: { unmet: ['lib'], provides: [] } },
    now,
  )
  await Promise.all(Array.from({ length: 8 }, () => advanceChains(site.db, now)))
  assert.equal(await claim(site), undefined)
  const chroot = await site.db
    .selectFrom('build_chroot')
    .select(['state', 'state_reason'])
    .where('build_id', '=', app.build_id)
    .executeTakeFirstOrThrow()
  assert.deepEqual(chroot, {
    state: 'failed',
    state_reason: `Requirements cannot be met: lib (of lib, build ${lib.build_id}, which has not succeeded)`,
  })
})
