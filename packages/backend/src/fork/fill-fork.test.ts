import { COMMAND, type UserActor } from '@copr/domain/audit/actor'
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { listBuildIds, loadBuilds } from '@copr/domain/builds/build-queries'
import { deleteBuilds } from '@copr/domain/builds/cancel'
import { forkProject } from '@copr/domain/projects/fork-project'
import { findProject, type Project } from '@copr/domain/projects/project-queries'
import { missingTools } from '@copr/rpm/testing/real-rpm'
import { actionsDue } from '../actions.ts'
import { publishDue } from '../publish/publish-loop.ts'
import { publishDueRepositories } from '../publish/publish-repository.ts'
import { dnfFor } from '../testing/dnf.ts'
import { type BuiltFile, buildPackages } from '../testing/packages.ts'
import { CHROOT, TestBackend } from '../testing/test-backend.ts'

const skip = missingTools('rpmbuild', 'dnf')
const never = new AbortController().signal

let scratch: string
let hello: BuiltFile[]
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'copr-fork-'))
  if (!skip) hello = await buildPackages(scratch)
})
after(() => rm(scratch, { recursive: true, force: true }))

/** Starts a backend that has a project with one published build; the project's key is in the database. */
async function open(): Promise<{ system: TestBackend; source: Project; id: number }> {
  const system = await TestBackend.start({ withKeygen: true })
  const id = await system.built(await system.agent(), hello)
  await publishDue(system.backend, never)
  await publishDueRepositories(system.backend, never)
  assert.equal((await system.build(id)).state, 'succeeded')
  const source = await findProject(system.db, 'dana', 'telescope')
  return { system, source: source ?? assert.fail(), id }
}

async function fork(system: TestBackend, source: Project, name = 'binoculars'): Promise<Project> {
  const actor: UserActor = {
    id: source.user_id,
    username: 'dana',
    email: null,
    is_admin: false,
    via: 'web',
  }
  const { limits } = system.backend.config
  const wanted = { source, ownername: 'dana', name, confirm: true, limits, now: new Date() }
  return await forkProject(system.db, actor, wanted)
}

async function buildsOf(system: TestBackend, project: Project) {
  const page = { offset: 0, descending: false }
  return await loadBuilds(
    system.db,
    await listBuildIds(system.db, { project_id: project.id }, page),
  )
}

function fileOf(system: TestBackend, name: string, result_dir: string | null | undefined): string {
  return join(system.results, 'dana', name, CHROOT, result_dir ?? '', 'hello-1.0-1.noarch.rpm')
}

test(
  'a fork shares the files of the latest packages instead of copying them, and dnf can install packages from the fork',
  { skip },
  async () => {
    const { system, source, id } = await open()
    await using _ = system
    const target = await fork(system, source)
    await actionsDue(system.backend, never)
    await publishDueRepositories(system.backend, never)

    const [build, ...more] = await buildsOf(system, target)
    assert.equal(more.length, 0)
    assert.equal(build?.state, 'forked')
    assert.ok(build?.finished_at)
    assert.equal(build?.package_name, 'hello')
    const original = (await system.build(id)).chroot?.result_dir
    const copy = build?.chroots[0]?.result_dir
    assert.notEqual(copy, original)
    const [original_stat, copy_stat] = await Promise.all([
      stat(fileOf(system, 'telescope', original)),
      stat(fileOf(system, 'binoculars', copy)),
    ])
    assert.equal(copy_stat.ino, original_stat.ino)

    const own = await readFile(join(system.results, 'dana/binoculars/pubkey.gpg'), 'utf8')
    assert.equal(own.match(/BEGIN PGP PUBLIC KEY/g)?.length, 2)
    const at = `${system.url}/results/dana/binoculars`
    await using client = await dnfFor(`${at}/${CHROOT}/`, `${at}/pubkey.gpg`)
    const installed = await client.dnf('install', 'hello')
    assert.ok(installed.ok, installed.output)

    // Deleting builds of the source does not affect the copy.
    await deleteBuilds(system.db, COMMAND, [id], new Date())
    await stat(fileOf(system, 'binoculars', copy))
  },
)

test(
  'forking a fork, or forking into the same project again, copies only what is new',
  { skip },
  async () => {
    const { system, source } = await open()
    await using _ = system
    const first = await fork(system, source)
    await actionsDue(system.backend, never)
    await fork(system, source)
    await actionsDue(system.backend, never)
    assert.equal((await buildsOf(system, first)).length, 1)
    await publishDueRepositories(system.backend, never)
    const again = await findProject(system.db, 'dana', 'binoculars')
    const second = await fork(system, again ?? assert.fail(), 'opera-glass')
    await actionsDue(system.backend, never)
    assert.deepEqual(
      (await buildsOf(system, second)).map(({ state }) => state),
      ['forked'],
    )
    assert.equal(second.inherited_keys.length, 2)
  },
)

for (const step of ['link', 'adopt'])
  test(
    `a fork that is interrupted at "${step}" is completed exactly once by the next attempt`,
    { skip },
    async () => {
      const { system, source } = await open()
      await using _ = system
      const target = await fork(system, source)
      let broken = false
      const at = (name: string): void => {
        if (name !== step || broken) return
        broken = true
        throw new Error('killed')
      }
      await actionsDue({ ...system.backend, at }, never)
      assert.ok(broken)
      assert.deepEqual(
        (await buildsOf(system, target)).map(({ state }) => state),
        ['pending'],
      )
      // Allows the retry to start at once.
      await system.db.updateTable('action').set({ not_before: null }).execute()
      await actionsDue(system.backend, never)
      assert.deepEqual(
        (await buildsOf(system, target)).map(({ state }) => state),
        ['forked'],
      )
      const members = await system.db
        .selectFrom('repository_member')
        .innerJoin('build_chroot', 'build_chroot.id', 'repository_member.build_chroot_id')
        .innerJoin('build', 'build.id', 'build_chroot.build_id')
        .select('path')
        .where('build.project_id', '=', target.id)
        .execute()
      assert.equal(members.length, 3)
    },
  )

test('a forked build fails if its results were deleted before the copy', { skip }, async () => {
  const { system, source } = await open()
  await using _ = system
  const target = await fork(system, source)
  await rm(join(system.results, 'dana/telescope', CHROOT), { recursive: true })
  await actionsDue(system.backend, never)
  const [build] = await buildsOf(system, target)
  assert.equal(build?.state, 'failed')
  assert.match(build?.chroots[0]?.state_reason ?? '', /have been deleted/)
})
