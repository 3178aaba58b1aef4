import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { COMMAND } from '@copr/domain/audit/actor'
import { cancelBuild, deleteBuilds } from '@copr/domain/builds/cancel'
import { forkProject } from '@copr/domain/projects/fork-project'
import { setQuota } from '@copr/domain/quotas/change-quota'
import { storageOfOwner, storageOfProject } from '@copr/domain/quotas/storage-use'
import { fixtures } from '@copr/domain/testing/fixtures'
import { run } from '@copr/process/run'
import { missingTools } from '@copr/rpm/testing/real-rpm'
import { actionsDue } from '../actions.ts'
import { publishDue } from '../publish/publish-loop.ts'
import { publishDueRepositories } from '../publish/publish-repository.ts'
import { type BuiltFile, buildPackages } from '../testing/packages.ts'
import { accepted, CHROOT, TestBackend, type TestBackendOptions } from '../testing/test-backend.ts'
import { measureResults } from './measure-results.ts'

const skip = missingTools('rpmbuild', 'createrepo_c')
const never = new AbortController().signal

let scratch: string
let hello: BuiltFile[]
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'copr-measure-'))
  if (!skip) hello = await buildPackages(scratch)
})
after(() => rm(scratch, { recursive: true, force: true }))

/** Starts a backend whose clock tests can move. */
async function start(options: TestBackendOptions = {}) {
  const system = await TestBackend.start({ withKeygen: true, ...options })
  let offset = 0
  const backend = { ...system.backend, now: () => new Date(Date.now() + offset) }
  return {
    system,
    backend,
    later: (ms: number) => void (offset += ms),
    [Symbol.asyncDispose]: () => system[Symbol.asyncDispose](),
  }
}

async function publish({ system }: { system: TestBackend }): Promise<number> {
  const id = await system.built(await system.agent(), hello)
  await publishDue(system.backend, never)
  await publishDueRepositories(system.backend, never)
  return id
}

/** Returns the total size in bytes of the files in the given folders of builds, as du(1) counts it. */
async function sizeOnDisk(system: TestBackend, ...folders: string[]): Promise<number> {
  let bytes = 0
  for (const folder of folders) {
    const found = await run('find', [join(system.results, folder), '-type', 'f', '-printf', '%s\n'])
    for (const line of found.output.trim().split('\n')) bytes += Number(line)
  }
  return bytes
}

test(
  'published packages count toward the storage quota at once, logs only after the build has ended, and nothing after the build is deleted',
  { skip },
  async () => {
    await using t = await start()
    const { system } = t
    const id = await publish(t)
    const { state, chroot } = await system.build(id)
    assert.equal(state, 'succeeded')
    const estimate = (await storageOfOwner(system.db, 'dana')).results
    const packages = hello.reduce((sum, { data }) => sum + data.length, 0)
    assert.ok(estimate >= packages, `${estimate} bytes are counted, the packages have ${packages}`)
    const folders = [
      `dana/telescope/${CHROOT}/${chroot?.result_dir}`,
      `dana/telescope/srpm-builds/${String(id).padStart(8, '0')}`,
    ]
    t.later(61_000)
    await measureResults(t.backend, never)
    const { results } = await storageOfOwner(system.db, 'dana')
    assert.equal(results, await sizeOnDisk(system, ...folders))
    await measureResults(t.backend, never)
    assert.equal((await storageOfOwner(system.db, 'dana')).results, results)
    await deleteBuilds(system.db, COMMAND, [id], new Date())
    await measureResults(t.backend, never)
    assert.deepEqual(await storageOfOwner(system.db, 'dana'), { results: 0, sources: 0 })
  },
)

test('the logs of a canceled build count toward the storage quota', { skip }, async () => {
  await using t = await start({ withKeygen: false })
  const { system } = t
  const agent = await system.agent()
  const id = await system.untilRpmTask(agent, hello)
  await agent.log('x'.repeat(50_000), 0)
  await cancelBuild(system.db, COMMAND, id, new Date())
  t.later(61_000)
  await measureResults(t.backend, never)
  assert.ok((await storageOfOwner(system.db, 'dana')).results > 50_000)
})

test(
  'results that exceed the storage quota fail the build without a retry, and are not kept',
  { skip },
  async () => {
    await using t = await start()
    const { system } = t
    const id = await system.built(await system.agent(), hello)
    const subject = { project: system.project }
    const used = (await storageOfProject(system.db, system.project)).results
    const values = { storage_bytes: used + 10_000 }
    await setQuota(system.db, COMMAND, { subject, values, now: new Date() })
    await publishDue(system.backend, never)
    const { state, chroot } = await system.build(id)
    assert.equal(state, 'failed')
    assert.match(
      chroot?.state_reason ?? '',
      /^Cannot store the results: dana\/telescope holds [\d.]+ KiB and would get [\d.]+ KiB more, the limit is [\d.]+ KiB; delete builds/,
    )
    const folder = join(system.results, `dana/telescope/${CHROOT}/${chroot?.result_dir}`)
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.endsWith('.rpm')),
      [],
    )
    const tasks = await system.db
      .selectFrom('task')
      .select(['kind', 'state', 'attempts'])
      .where('kind', '=', 'publish')
      .execute()
    assert.deepEqual(tasks, [{ kind: 'publish', state: 'done', attempts: 1 }])
  },
)

test(
  "a source package from a builder is refused if it exceeds the project's quotas",
  { skip },
  async () => {
    await using t = await start({ withKeygen: false })
    const { system } = t
    const agent = await system.agent()
    const srpm = hello.filter(({ name }) => name.endsWith('.src.rpm'))
    const subject = { project: system.project }
    const set = (values: Parameters<typeof setQuota>[2]['values']): Promise<void> =>
      setQuota(system.db, COMMAND, { subject, values, now: new Date() })
    await set({ upload_bytes: 100 })
    await system.submitLink()
    const claimed = await agent.claim()
    assert.ok(claimed?.task.kind === 'source')
    assert.equal(claimed.task.limits.max_srpm_bytes, 100)
    assert.equal((await agent.put('a.src.rpm', Buffer.alloc(200))).status, 413)
    await set({ upload_bytes: 1_000_000, storage_bytes: 200 })
    const id = await system.submitLink()
    await agent.claim()
    await accepted(await agent.succeed(srpm))
    const { state, fail_reason } = await system.build(id)
    assert.equal(state, 'failed')
    assert.match(
      fail_reason ?? '',
      /^Cannot store hello-1.0-1.src.rpm: dana\/telescope holds 0 bytes/,
    )
    await set({ storage_bytes: null, unpacked_bytes: 77 })
    const more = await system.submitLink()
    await agent.claim()
    await accepted(await agent.succeed(srpm))
    const importing = await agent.claim()
    assert.ok(importing?.task.kind === 'import' && importing.task.build_id === more)
    assert.deepEqual(importing.task.limits, { max_unpacked_bytes: 77 })
  },
)

test(
  "a fork counts in full, and copies no results beyond its owner's quota",
  { skip },
  async () => {
    await using t = await start()
    const { system } = t
    await publish(t)
    const { results } = await storageOfProject(system.db, system.project)
    const actor = {
      id: system.project.user_id,
      username: 'dana',
      email: null,
      is_admin: false,
      via: 'web',
    }
    const { limits } = system.backend.config
    const fork = {
      source: system.project,
      ownername: 'dana',
      confirm: false,
      limits,
      now: new Date(),
    }
    const first = await forkProject(system.db, actor, { ...fork, name: 'first' })
    await actionsDue(system.backend, never)
    assert.ok((await storageOfProject(system.db, first)).results > 1000)
    const second = await forkProject(system.db, actor, { ...fork, name: 'second' })
    const values = { storage_bytes: results * 2 + 100 }
    await setQuota(system.db, COMMAND, { subject: { ownername: 'dana' }, values, now: new Date() })
    await actionsDue(system.backend, never)
    assert.equal((await storageOfProject(system.db, second)).results, 0)
    const copies = await system.db
      .selectFrom('build_chroot')
      .innerJoin('build', 'build.id', 'build_chroot.build_id')
      .select(['build_chroot.state', 'build_chroot.state_reason'])
      .where('build.project_id', '=', second.id)
      .execute()
    assert.equal(copies[0]?.state, 'failed')
    assert.match(
      copies[0]?.state_reason ?? '',
      /^Cannot copy the results: the projects of dana hold/,
    )
  },
)

test('a build with an invalid results folder does not keep other builds from being measured', async () => {
  await using t = await start({ withKeygen: false })
  const { system } = t
  for (const result_dir of ['../../etc', 'x']) {
    const id = await system.submitLink()
    await cancelBuild(system.db, COMMAND, id, new Date())
    const { id: chroot_id } = await system.db
      .selectFrom('chroot')
      .select('id')
      .executeTakeFirstOrThrow()
    const row = { build_id: id, chroot_id, state: 'failed' as const, result_dir }
    await fixtures(system.db)
      .insertInto('build_chroot')
      .values({ ...row, ended_at: new Date() })
      .execute()
  }
  t.later(61_000)
  await measureResults(t.backend, never)
  const left = await system.db
    .selectFrom('build_chroot')
    .select('id')
    .where('results_measured', '=', false)
    .execute()
  assert.deepEqual(left, [])
})
