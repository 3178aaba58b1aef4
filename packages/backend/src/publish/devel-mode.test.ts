import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { deleteBuilds } from '@copr/domain/builds/cancel'
import { editProject } from '@copr/domain/projects/edit-project'
import { regenerateRepositories } from '@copr/domain/projects/regenerate-repositories'
import { COMMAND } from '@copr/domain/audit/actor'
import { missingTools } from '@copr/rpm/testing/real-rpm'
import { dnfFor } from '../testing/dnf.ts'
import { type BuiltFile, buildPackages } from '../testing/packages.ts'
import { CHROOT, TestBackend } from '../testing/test-backend.ts'
import { publishDue } from './publish-loop.ts'
import { publishDueRepositories } from './publish-repository.ts'

const skip = missingTools('rpmbuild', 'createrepo_c', 'dnf')
const never = new AbortController().signal

let scratch: string
let hello: BuiltFile[]
let other: BuiltFile[]
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'copr-devel-'))
  if (skip) return
  hello = await buildPackages(scratch)
  other = await buildPackages(scratch, { name: 'other' })
})
after(() => rm(scratch, { recursive: true, force: true }))

/** Returns the packages that dnf finds in the project's repository or in its devel repository. */
async function packagesIn(system: TestBackend, place: '' | 'devel/'): Promise<string[]> {
  const base = `${system.url}/results/dana/telescope`
  await using client = await dnfFor(`${base}/${CHROOT}/${place}`, `${base}/pubkey.gpg`)
  const names = await client.query('repoquery', '--qf', '%{name}')
  if (place === 'devel/' && names.includes('hello')) {
    const installed = await client.dnf('install', 'hello')
    assert.ok(installed.ok, installed.output)
  }
  return [...new Set(names)].filter((name) => !name.endsWith('-doc'))
}

async function publish(system: TestBackend): Promise<void> {
  await publishDue(system.backend, never)
  await publishDueRepositories(system.backend, never)
}

const setMode = (system: TestBackend, devel_mode: boolean) =>
  editProject(system.db, COMMAND, {
    project: system.project,
    settings: { devel_mode },
    now: new Date(),
  })

test(
  'in devel mode, builds appear in the devel repository at once, and in the main repository on request',
  { skip },
  async () => {
    await using system = await TestBackend.start({ withKeygen: true })
    const agent = await system.agent()
    await system.built(agent, other)
    await publish(system)
    await setMode(system, true)
    await publish(system)
    assert.deepEqual(await packagesIn(system, 'devel/'), ['other'])

    const id = await system.built(agent, hello)
    await publish(system)
    assert.equal((await system.build(id)).state, 'succeeded')
    assert.deepEqual(await packagesIn(system, ''), ['other'])
    assert.deepEqual(await packagesIn(system, 'devel/'), ['hello', 'other'])

    await regenerateRepositories(system.db, COMMAND, system.project, new Date())
    await publish(system)
    assert.deepEqual(await packagesIn(system, ''), ['hello', 'other'])

    await deleteBuilds(system.db, COMMAND, [id], new Date())
    await publish(system)
    assert.deepEqual(await packagesIn(system, ''), ['other'])
    assert.deepEqual(await packagesIn(system, 'devel/'), ['other'])
  },
)

test(
  'when devel mode ends, the main repository has all packages and the devel one is removed',
  { skip },
  async () => {
    await using system = await TestBackend.start({ withKeygen: true })
    await setMode(system, true)
    const agent = await system.agent()
    const first = await system.built(agent, hello)
    await publish(system)
    assert.deepEqual(await packagesIn(system, ''), [])
    const second = await system.built(agent, other)
    // The build's results are members of the repository, but not in any index yet.
    await publishDue(system.backend, never)
    await setMode(system, false)
    await publish(system)
    for (const id of [first, second]) assert.equal((await system.build(id)).state, 'succeeded')
    assert.deepEqual(await packagesIn(system, ''), ['hello', 'other'])
    assert.ok(!existsSync(join(system.results, 'dana/telescope', CHROOT, 'devel')))
  },
)
