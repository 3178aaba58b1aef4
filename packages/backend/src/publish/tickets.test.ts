import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { claimPublish } from '@copr/domain/queue/leases'
import { issueBuildTicket, issueIndexTicket } from '@copr/domain/signing/tickets'
import { noteKeyChangesSeen, storePublicKey } from '@copr/domain/projects/project-keys'
import { missingTools } from '@copr/rpm/testing/real-rpm'
import { buildPackages } from '../testing/packages.ts'
import { dnfFor } from '../testing/dnf.ts'
import { CHROOT, TestBackend } from '../testing/test-backend.ts'
import { followChangedKeys } from './project-key.ts'
import { publishDue } from './publish-loop.ts'
import { publishDueRepositories } from './publish-repository.ts'

const skip = missingTools('rpmbuild', 'createrepo_c', 'dnf')
const never = new AbortController().signal
const WHOSE = { owner: 'dana', project: 'telescope' }

function digestsOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => Buffer.alloc(32, index).toString('base64'))
}

/** Builds packages and claims their publish task; returns its lease and the number of RPMs. */
async function leased(system: TestBackend): Promise<{ lease: string; packages: number }> {
  const files = await buildPackages(system.data_dir)
  await system.built(await system.agent(), files)
  const lease = randomUUID()
  assert.ok(await claimPublish(system.db, { lease, now: new Date(), lease_seconds: 60 }))
  return { lease, packages: files.filter(({ name }) => name.endsWith('.rpm')).length }
}

async function requestWith(system: TestBackend, digests: string[], ticket: string) {
  const { fingerprint } = await system.backend.keygen.makeKey(WHOSE)
  const created_at = Math.floor(Date.now() / 1000)
  return { ...WHOSE, purpose: 'test', created_at, digests, fingerprint, ticket }
}

test(
  'keygen accepts a ticket once, and only for the digests that it was issued for',
  { skip },
  async () => {
    await using system = await TestBackend.start({ withKeygen: true })
    const { keygen } = system.backend
    const { lease, packages } = await leased(system)
    const digests = digestsOf(packages)
    const ticket = await issueBuildTicket(system.db, { lease, part: 0, digests })
    const request = await requestWith(system, digests, ticket)
    const other = await system.makeProject(system.project.user_id, 'other')
    const { fingerprint } = await keygen.makeKey({ owner: 'dana', project: other.name })
    for (const bad of [
      { ...request, ticket: randomUUID() },
      { ...request, digests: digestsOf(packages + 1) },
      { ...request, digests: digests.toReversed() },
    ])
      await assert.rejects(keygen.sign(bad), { kind: 'forbidden' })
    assert.equal((await keygen.sign(request)).signatures.length, packages)
    await assert.rejects(keygen.sign(request), {
      kind: 'forbidden',
      message: /the ticket was already used/,
    })

    const again = await issueBuildTicket(system.db, { lease, part: 0, digests })
    const elsewhere = { ...request, ticket: again, project: other.name, fingerprint }
    await assert.rejects(keygen.sign(elsewhere), { kind: 'forbidden' })
  },
)

test('keygen refuses an expired ticket', { skip }, async () => {
  await using system = await TestBackend.start({ withKeygen: true })
  const { lease } = await leased(system)
  const digests = digestsOf(1)
  const ticket = await issueBuildTicket(system.db, { lease, part: 0, digests })
  await system.db.updateTable('sign_ticket').set({ expires_at: new Date() }).execute()
  const request = await requestWith(system, digests, ticket)
  await assert.rejects(system.backend.keygen.sign(request), { kind: 'forbidden' })
})

test(
  'tickets are issued only for leased builds and outdated indexes, and never for more digests than there are files',
  { skip },
  async () => {
    await using system = await TestBackend.start()
    const { db } = system
    const { lease, packages } = await leased(system)
    const conflict = { kind: 'conflict' }
    const wrong = { lease: randomUUID(), part: 0, digests: digestsOf(1) }
    await assert.rejects(issueBuildTicket(db, wrong), conflict)
    const tooMany = { lease, part: 0, digests: digestsOf(packages + 1) }
    await assert.rejects(issueBuildTicket(db, tooMany), conflict)
    await issueBuildTicket(db, { lease, part: 0, digests: digestsOf(packages) })
    await assert.rejects(issueBuildTicket(db, { lease, part: 1, digests: digestsOf(1) }), conflict)

    const { id: repository_id } = await db
      .selectFrom('repository')
      .select('id')
      .executeTakeFirstOrThrow()
    await issueIndexTicket(db, { repository_id, digests: digestsOf(1) })
    await db
      .updateTable('repository')
      .set((eb) => ({ published_generation: eb.ref('generation') }))
      .execute()
    await assert.rejects(issueIndexTicket(db, { repository_id, digests: digestsOf(1) }), conflict)
  },
)

test('after a key rotation, dnf accepts signatures made with either key', { skip }, async () => {
  await using system = await TestBackend.start({ withKeygen: true })
  const { backend, db, keygenAdmin } = system
  const agent = await system.agent()
  const publish = async (): Promise<void> => {
    await publishDue(backend, never)
    await publishDueRepositories(backend, never)
  }
  await system.built(agent, await buildPackages(system.data_dir))
  await publish()
  const before = await backend.keygen.makeKey(WHOSE)
  const after = await keygenAdmin.rotateKey('dana', 'telescope', before.fingerprint)
  assert.notEqual(after.fingerprint, before.fingerprint)
  const twice = await keygenAdmin.rotateKey('dana', 'telescope', before.fingerprint)
  assert.equal(twice.fingerprint, after.fingerprint, 'asked twice, rotated once')
  const old = await requestWith(system, digestsOf(1), randomUUID())
  await assert.rejects(backend.keygen.sign({ ...old, fingerprint: before.fingerprint }), {
    kind: 'conflict',
    message: /its key was rotated/,
  })

  // Keygen refuses to sign with the key in the database, so the backend requests the new one.
  await system.built(agent, await buildPackages(system.data_dir, { name: 'third' }))
  await publish()
  const { key_fingerprint } = await db
    .selectFrom('project')
    .select('key_fingerprint')
    .where('name', '=', 'telescope')
    .executeTakeFirstOrThrow()
  assert.equal(key_fingerprint, after.fingerprint)

  // The backend runs again a week after the change.
  const week_later = new Date(Date.now() + 7 * 24 * 3600_000)
  await noteKeyChangesSeen(db, new Date())
  await followChangedKeys({ ...backend, now: () => week_later })
  const requested: Date[] = []
  const keygen = {
    ...backend.keygen,
    changedKeys: async (since: Date) => {
      requested.push(since)
      return []
    },
  }
  await followChangedKeys({ ...backend, keygen })
  assert.deepEqual(requested, [new Date(week_later.getTime() - 3600_000)])
  await system.built(agent, await buildPackages(system.data_dir, { name: 'other' }))
  await publish()
  const pubkey = await readFile(join(system.results, 'dana/telescope/pubkey.gpg'), 'utf8')
  assert.equal(pubkey, [after, before].map((key) => `${key.public_key.trimEnd()}\n`).join(''))
  const project = `${system.url}/results/dana/telescope`
  await using client = await dnfFor(`${project}/${CHROOT}/`, `${project}/pubkey.gpg`)
  const installed = await client.dnf('install', 'hello', 'other')
  assert.ok(installed.ok, installed.output)

  await storePublicKey(db, system.project.id, after)
  const { inherited_keys } = await db
    .selectFrom('project')
    .select('inherited_keys')
    .where('id', '=', system.project.id)
    .executeTakeFirstOrThrow()
  assert.deepEqual(inherited_keys, [before.public_key])
})

test(
  'the signature log records which build was signed, and any change of the log is detected',
  { skip },
  async () => {
    await using system = await TestBackend.start({ withKeygen: true })
    const { backend, keygenAdmin } = system
    const id = await system.built(await system.agent(), await buildPackages(system.data_dir))
    await publishDue(backend, never)
    await publishDueRepositories(backend, never)
    const [index, packages] = await keygenAdmin.signatures(WHOSE)
    assert.equal(index?.purpose, `repository dana/telescope/${CHROOT} generation 2`)
    assert.partialDeepStrictEqual(packages, { purpose: `build ${id}-${CHROOT}`, caller: 'secret' })
    assert.ok(packages?.names.includes('hello-1.0-1.noarch.rpm'))
    assert.match(packages?.request_id ?? '', /^[0-9a-f-]{36}$/)
    assert.partialDeepStrictEqual(await keygenAdmin.checkLog(), { broken_at: null })

    const raw = (statement: string) => system.query(statement)
    await assert.rejects(
      raw(`update keygen.signature set project = 'x'`),
      /entries are only ever added/,
    )
    await assert.rejects(raw('delete from keygen.signature'), /entries are only ever added/)
    await raw('alter table keygen.signature disable trigger only_added')
    await raw(`update keygen.signature set names = '{}' where id = ${packages?.id}`)
    assert.equal((await keygenAdmin.checkLog()).broken_at, packages?.id)
  },
)
