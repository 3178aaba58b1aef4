import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { cancelBuild } from '@copr/domain/builds/cancel'
import { requeueTask } from '@copr/domain/builds/task-outcomes'
import { deleteProject } from '@copr/domain/projects/delete-project'
import { COMMAND } from '@copr/domain/audit/actor'
import { CHROOT, TestBackend } from '../testing/test-backend.ts'
import { sealEndedLogs } from './seal-ended-logs.ts'
import { dropStaleSrpms, dropStaleStaging } from './stale-uploads.ts'
import { removeDue } from './removals.ts'
import { fixtures } from '@copr/domain/testing/fixtures'

const repomdOf = (system: TestBackend): string =>
  join(system.results, 'dana/telescope', CHROOT, 'repodata/repomd.xml')

test('the files of a deleted project are removed', async () => {
  await using system = await TestBackend.start()
  const dir = join(system.results, 'dana/telescope')
  await mkdir(join(dir, CHROOT, '00000001-hello'), { recursive: true })
  await deleteProject(system.db, COMMAND, system.project.id, new Date())
  await removeDue(system.backend)
  assert.ok(!existsSync(dir))
  assert.deepEqual(await readdir(join(system.data_dir, 'trash')), [])
})

test('a new project of the same name keeps its own builds and gets new indexes', async () => {
  await using system = await TestBackend.start()
  const dir = join(system.results, 'dana/telescope')
  const old = join(dir, CHROOT, '00000099-hello')
  await mkdir(old, { recursive: true })
  await mkdir(join(dir, 'srpm-builds/00000099'), { recursive: true })
  await deleteProject(system.db, COMMAND, system.project.id, new Date())
  system.project = await system.makeProject(system.project.user_id)
  await system.db.updateTable('repository').set({ published_generation: 1 }).execute()
  const id = await system.submitLink()
  const own = join(dir, CHROOT, `${String(id).padStart(8, '0')}-hello`)
  await mkdir(own, { recursive: true })
  await removeDue(system.backend)
  assert.ok(existsSync(own))
  assert.ok(!existsSync(old))
  assert.ok(!existsSync(join(dir, 'srpm-builds/00000099')))
  const repositories = await system.db
    .selectFrom('repository')
    .innerJoin('project_dir', 'project_dir.id', 'repository.project_dir_id')
    .select(['generation', 'published_generation'])
    .where('project_dir.project_id', '=', system.project.id)
    .execute()
  assert.deepEqual(repositories, [{ generation: 2, published_generation: 1 }])
})

test('a removal with a path outside of any project removes nothing', async () => {
  await using system = await TestBackend.start()
  await mkdir(join(system.results, 'dana/telescope'), { recursive: true })
  for (const path of ['dana', '../uploads', 'dana/..', 'dana/telescope/../..'])
    await system.db
      .insertInto('removal')
      .values({ place: 'results', path, wanted_at: new Date() })
      .execute()
  await removeDue(system.backend)
  assert.ok(existsSync(join(system.results, 'dana/telescope')))
  assert.ok(existsSync(join(system.data_dir, 'uploads')))
  assert.deepEqual(await system.db.selectFrom('removal').selectAll().execute(), [])
})

test('staged files are removed only after their lease has ended', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  await system.submitLink()
  await agent.claim()
  await agent.put('hello.src.rpm', Buffer.from('x'))
  const staging = join(system.data_dir, 'staging')
  await mkdir(join(staging, '4711-gone'))
  await dropStaleStaging(system.backend)
  assert.equal((await readdir(staging)).length, 1)
  await agent.finish({ outcome: 'lost', cause: 'setup', reason: 'It rains' })
  await dropStaleStaging(system.backend)
  assert.deepEqual(await readdir(staging), [])
})

test('the log of a build that ended without a report from its agent is compressed', async () => {
  await using system = await TestBackend.start()
  const id = await system.submitLink()
  const ended = new Date()
  const chroot = await system.db.selectFrom('chroot').select('id').executeTakeFirstOrThrow()
  const result_dir = `${String(id).padStart(8, '0')}-hello`
  await fixtures(system.db)
    .insertInto('build_chroot')
    .values({ build_id: id, chroot_id: chroot.id, state: 'canceled', result_dir, ended_at: ended })
    .execute()
  await system.db.updateTable('build').set({ finished_at: ended }).execute()
  const dir = join(system.results, 'dana/telescope', CHROOT, result_dir)
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'builder-live.log'), 'the last words\n')
  await sealEndedLogs(system.backend, new Date(ended.getTime() - 1000))
  assert.deepEqual(await readdir(dir), ['builder-live.log.gz'])
})

test('a source build whose builder was lost gets its log and results.json afterwards', async () => {
  await using system = await TestBackend.start({ limits: { max_attempts: 1 } })
  const agent = await system.agent()
  const id = await system.submitLink()
  await agent.claim()
  const since = new Date()
  const lost = { lease: agent.lease, reason: 'The machine burned', max_attempts: 1, now: since }
  assert.equal(await requeueTask(system.db, lost.lease, lost), 'ended')
  await sealEndedLogs(system.backend, since)
  const dir = join(system.results, 'dana/telescope/srpm-builds', String(id).padStart(8, '0'))
  const log = gunzipSync(await readFile(join(dir, 'builder-live.log.gz'))).toString()
  assert.match(log, /^The source build failed: .*The machine burned$/m)
  assert.match(await readFile(join(dir, 'results.json'), 'utf8'), /"name": null/)
})

test('no log or summary is made for the source builds of a deleted project', async () => {
  await using system = await TestBackend.start()
  const id = await system.submitLink()
  await cancelBuild(system.db, COMMAND, id, new Date())
  await deleteProject(system.db, COMMAND, system.project.id, new Date())
  await sealEndedLogs(system.backend, new Date(0))
  assert.ok(!existsSync(join(system.results, 'dana/telescope')))
})

test('the maintenance loops publish the empty repository of a new project, and end when they are stopped', async () => {
  await using system = await TestBackend.start({ withKeygen: true })
  system.run()
  while (!existsSync(repomdOf(system))) await new Promise((resolve) => setTimeout(resolve, 20))
  assert.match(await readFile(repomdOf(system), 'utf8'), /<repomd/)
})

test('SRPMs that no unfinished build needs are removed, unless their upload may still be in progress', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const id = await system.submitLink()
  await agent.claim()
  const uploads = join(system.data_dir, 'uploads')
  for (const name of [`build-${id}`, 'build-4711', 'of-nobody']) await mkdir(join(uploads, name))
  await dropStaleSrpms(system.backend, new Date(Date.now() - 60_000))
  assert.equal((await readdir(uploads)).length, 3)
  await dropStaleSrpms(system.backend, new Date(Date.now() + 60_000))
  assert.deepEqual(await readdir(uploads), [`build-${id}`])
})
