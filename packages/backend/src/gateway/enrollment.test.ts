import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createMachine } from '@copr/domain/machines/machines'
import { noteImport } from '@copr/domain/queue/imported-commits'
import { type BuiltFile, buildPackages } from '../testing/packages.ts'
import { TestAgent } from '../testing/agent.ts'
import { accepted, TestBackend } from '../testing/test-backend.ts'

let scratch: string
let srpm: BuiltFile
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'copr-enrollment-'))
  const [found] = (await buildPackages(scratch)).filter(({ name }) => name.endsWith('.src.rpm'))
  assert.ok(found)
  srpm = found
})
after(() => rm(scratch, { recursive: true, force: true }))

/** Enrolls a machine that claims to be able to run every kind of task. */
async function boastful(
  system: TestBackend,
  permitted: Partial<Parameters<typeof createMachine>[1]> = {},
): Promise<TestAgent> {
  const { enroll_token } = await createMachine(system.db, {
    pool: 'manual',
    name: 'by-hand',
    now: new Date(),
    ...permitted,
  })
  const body = JSON.stringify({
    enroll_token,
    name: 'by-hand',
    kinds: ['source', 'import', 'rpm'],
    arches: ['x86_64', 'noarch'],
    tags: [],
  })
  const answer = await fetch(`${system.url}/builder/enroll`, { method: 'POST', body })
  const { session_token } = (await answer.json()) as { session_token: string }
  return new TestAgent(system.url, session_token)
}

/** Submits a build and runs its source build, after which its SRPM waits for the import. */
async function untilImport(system: TestBackend): Promise<number> {
  const id = await system.submitLink()
  const builder = await system.agent(['source'])
  await builder.claim()
  await accepted(await builder.succeed([srpm]))
  return id
}

test('a manually enrolled builder gets no imports, even if it claims to support them', async () => {
  await using system = await TestBackend.start()
  const id = await untilImport(system)
  const agent = await boastful(system)
  assert.equal(await agent.claim(), undefined)
  assert.equal((await system.build(id)).state, 'importing')
})

test('a builder whose permission to import was revoked cannot continue a claimed import', async () => {
  await using system = await TestBackend.start()
  const id = await untilImport(system)
  const agent = await boastful(system, { kinds: ['import'] })
  assert.equal((await agent.claim())?.task.kind, 'import')
  await system.db
    .updateTable('machine')
    .set({ planned_kinds: ['source', 'rpm'] })
    .where('name', '=', 'by-hand')
    .execute()
  for (const answer of [
    await agent.send('GET', `/tasks/${id}/srpm`),
    await agent.log('imported\n', 0, 'import.log'),
    await agent.post(`/tasks/${id}/heartbeat`, {}),
    await agent.put('a.txt', Buffer.from('a')),
  ])
    assert.equal(answer.status, 409)
  const finished = await agent.succeed([], { branch_commits: { debian12: 'd'.repeat(40) } })
  assert.deepEqual(await finished.json(), { accepted: false })
  assert.equal((await system.build(id)).state, 'importing')
})

test('an import succeeds only with the commits that dist-git has recorded', async () => {
  await using system = await TestBackend.start()
  const id = await untilImport(system)
  const agent = await system.agent(['import'])
  await agent.claim()
  for (const debian12 of ['e'.repeat(40), 'master', ''])
    assert.equal(
      (await agent.finish({ outcome: 'succeeded', files: [], branch_commits: { debian12 } }))
        .status,
      400,
    )
  await noteImport(system.db, id, { debian12: 'd'.repeat(40) })
  for (const branch_commits of [
    { debian12: 'e'.repeat(40) },
    { debian12: 'd'.repeat(40), other: 'd'.repeat(40) },
    {},
  ])
    assert.equal(
      (await agent.finish({ outcome: 'succeeded', files: [], branch_commits })).status,
      400,
    )
  assert.equal((await system.build(id)).state, 'importing')
  await accepted(
    await agent.finish({
      outcome: 'succeeded',
      files: [],
      branch_commits: { debian12: 'd'.repeat(40) },
    }),
  )
  assert.equal((await system.build(id)).chroot?.git_commit, 'd'.repeat(40))
})

test('a machine gets only tasks for the architectures that it was enrolled for', async () => {
  await using system = await TestBackend.start()
  const agent = await boastful(system, { arches: ['aarch64'] })
  const builder = await system.agent()
  await system.untilPending(builder, [srpm])
  assert.equal(await agent.claim(), undefined)
  assert.equal((await builder.claim())?.task.kind, 'rpm')
})
