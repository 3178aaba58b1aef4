import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { run, runOrThrow } from '@copr/process/run'
import { missingTools } from '@copr/rpm/testing/real-rpm'
import { type BuiltFile, buildPackages } from '../testing/packages.ts'
import { dnfFor } from '../testing/dnf.ts'
import { CHROOT, TestBackend } from '../testing/test-backend.ts'
import { publishDue } from './publish-loop.ts'
import { publishDueRepositories } from './publish-repository.ts'

const skip = missingTools('rpmbuild', 'createrepo_c', 'dnf')
const never = new AbortController().signal

let scratch: string
let hello: BuiltFile[]
let other: BuiltFile[]
let third: BuiltFile[]
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'copr-render-'))
  if (skip) return
  hello = await buildPackages(scratch)
  other = await buildPackages(scratch, { name: 'other' })
  third = await buildPackages(scratch, { name: 'third' })
})
after(() => rm(scratch, { recursive: true, force: true }))

function urls(system: TestBackend) {
  const project = `${system.url}/results/dana/telescope`
  return { repository: `${project}/${CHROOT}/`, key: `${project}/pubkey.gpg` }
}

test('a new project has a valid, signed, empty repository', { skip }, async () => {
  await using system = await TestBackend.start({ withKeygen: true })
  await publishDueRepositories(system.backend, never)
  const { repository, key } = urls(system)
  await using client = await dnfFor(repository, key)
  assert.deepEqual(await client.query('repoquery'), [])
})

test('a tampered index or package is refused by dnf', { skip }, async () => {
  await using system = await TestBackend.start({ withKeygen: true })
  const agent = await system.agent()
  await system.built(agent, hello)
  await publishDue(system.backend, never)
  await publishDueRepositories(system.backend, never)
  const { repository, key } = urls(system)
  const repodata = join(system.results, 'dana/telescope', CHROOT, 'repodata')
  const repomd = await readFile(join(repodata, 'repomd.xml'), 'utf8')
  await writeFile(join(repodata, 'repomd.xml'), repomd.replace('<revision>', '<revision>1'))
  await using client = await dnfFor(repository, key)
  const refused = await client.dnf('makecache')
  assert.ok(!refused.ok, refused.output)
})

test('the files of an index that was just replaced can still be fetched', { skip }, async () => {
  await using system = await TestBackend.start({ withKeygen: true })
  const agent = await system.agent()
  const { repository } = urls(system)
  const dataFiles = async (): Promise<string[]> => {
    const repomd = await (await fetch(`${repository}repodata/repomd.xml`)).text()
    return [...repomd.matchAll(/href="([^"]+)"/g)].map((match) => match[1] ?? '')
  }
  const seen: string[] = []
  for (const files of [hello, other, third]) {
    await system.built(agent, files)
    await publishDue(system.backend, never)
    await publishDueRepositories(system.backend, never)
    seen.push(...(await dataFiles()))
  }
  assert.equal(new Set(seen).size, 9)
  for (const file of seen) assert.equal((await fetch(repository + file)).status, 200, file)
  const later = { ...system.backend, now: () => new Date(Date.now() + 11 * 60_000) }
  await system.db.updateTable('repository').set({ generation: 100 }).execute()
  // Keygen refuses a signing time that is far from its own clock, so requests to sign get the real time.
  await publishDueRepositories(
    {
      ...later,
      keygen: {
        ...later.keygen,
        sign: (request) =>
          system.backend.keygen.sign({ ...request, created_at: Math.floor(Date.now() / 1000) }),
      },
    },
    never,
  )
  assert.equal((await fetch(repository + seen[0])).status, 404)
  assert.equal((await fetch(repository + seen.at(-1))).status, 200)
})

test('createrepo_c generates an equivalent index', { skip }, async () => {
  await using system = await TestBackend.start({ withKeygen: true })
  const agent = await system.agent()
  for (const files of [hello, other]) {
    await system.built(agent, files)
    await publishDue(system.backend, never)
    await publishDueRepositories(system.backend, never)
  }
  const dir = join(system.results, 'dana/telescope', CHROOT)
  const fresh = join(scratch, 'fresh')
  await runOrThrow('cp', ['-r', dir, fresh])
  await runOrThrow('rm', ['-rf', join(fresh, 'repodata')])
  await runOrThrow('createrepo_c', ['--quiet', '--no-database', fresh])
  const packagesOf = async (base: string): Promise<string[]> => {
    const names = await readdir(join(base, 'repodata'))
    const repomd = await readFile(join(base, 'repodata/repomd.xml'), 'utf8')
    const primary =
      names.find((name) => name.endsWith('primary.xml.gz') && repomd.includes(name)) ?? ''
    const xml = gunzipSync(await readFile(join(base, 'repodata', primary))).toString()
    return [
      ...xml.matchAll(/<checksum type="sha256" pkgid="YES">(\w+)<.*?<location href="([^"]+)"/gs),
    ]
      .map(([, sum, href]) => `${href} ${sum}`)
      .toSorted()
  }
  assert.deepEqual(await packagesOf(dir), await packagesOf(fresh))
  assert.equal((await packagesOf(dir)).length, 6)
  const members = await system.db
    .selectFrom('repository_member')
    .select(['path', 'sha256'])
    .execute()
  assert.deepEqual(
    members.map(({ path, sha256 }) => `${path} ${sha256}`).toSorted(),
    await packagesOf(dir),
  )
  assert.ok((await run('rm', ['-rf', fresh])).ok)
})

test('dnf sees the groups of a comps file until the file is removed', { skip }, async () => {
  await using system = await TestBackend.start({ withKeygen: true })
  const group = '<group><id>lenses</id><name>Lenses</name><uservisible>true</uservisible></group>'
  const show = async (comps: string | null): Promise<string> => {
    await system.db.updateTable('project_chroot').set({ comps }).execute()
    await system.db
      .updateTable('repository')
      .set((eb) => ({ generation: eb('generation', '+', 1) }))
      .execute()
    await publishDueRepositories(system.backend, never)
    const { repository, key } = urls(system)
    await using client = await dnfFor(repository, key)
    await client.query('repoquery')
    // If there are no groups, dnf fails with a message.
    return (await client.dnf('group', 'list', '--hidden')).output
  }
  assert.match(await show(`<?xml version="1.0"?>\n<comps>${group}</comps>\n`), /Lenses/)
  assert.match(await show(null), /No group data/)
})
