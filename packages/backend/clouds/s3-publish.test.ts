import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openBucket } from '@copr/object-store/open-bucket'
import { missingTools } from '@copr/rpm/testing/real-rpm'
import { dropStaleStaging } from '../src/maintenance/stale-uploads.ts'
import { publishDue } from '../src/publish/publish-loop.ts'
import { publishDueRepositories } from '../src/publish/publish-repository.ts'
import { s3Store } from '../src/store/s3/s3-store.ts'
import { scratchIn } from '../src/store/s3/scratch.ts'
import { dnfFor } from '../src/testing/dnf.ts'
import { type BuiltFile, buildPackages } from '../src/testing/packages.ts'
import { CHROOT, TestBackend } from '../src/testing/test-backend.ts'
import { endServer, s3Config, s3Fixture } from './s3-fixture.ts'

const skip = missingTools('rpmbuild', 'createrepo_c', 'dnf')
const never = new AbortController().signal

let scratch: string
let hello: BuiltFile[]
let other: BuiltFile[]
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'copr-s3-publish-'))
  if (skip) return
  hello = await buildPackages(scratch)
  other = await buildPackages(scratch, { name: 'other' })
})
after(async () => {
  await endServer()
  await rm(scratch, { recursive: true, force: true })
})

function urls(system: TestBackend) {
  const project = `${system.url}/results/dana/telescope`
  return { repository: `${project}/${CHROOT}/`, key: `${project}/pubkey.gpg` }
}

async function publish(system: TestBackend): Promise<void> {
  await publishDue(system.backend, never)
  await publishDueRepositories(system.backend, never)
}

for (const algorithm of ['rsa4096', 'ed25519'] as const)
  test(
    `a package in S3 signed with ${algorithm} can be installed, with signatures checked`,
    { skip },
    async () => {
      await using fixture = await s3Fixture()
      await using system = await TestBackend.start({
        withKeygen: true,
        algorithm,
        store: fixture.store,
      })
      const agent = await system.agent()
      const { repository, key } = urls(system)
      for (const files of [hello, other]) {
        const id = await system.built(agent, files)
        await publish(system)
        assert.equal((await system.build(id)).state, 'succeeded')
      }
      await using client = await dnfFor(repository, key)
      const listed = await client.query('repoquery', '--qf', '%{name}.%{arch}')
      assert.deepEqual(listed, [
        'hello-doc.noarch',
        'hello.noarch',
        'hello.src',
        'other-doc.noarch',
        'other.noarch',
        'other.src',
      ])
      const installed = await client.dnf('install', 'hello', 'other')
      assert.ok(installed.ok, installed.output)
      assert.equal(
        await readFile(join(client.root, 'usr/share/hello/greeting'), 'utf8'),
        'hello 1.0\n',
      )
      const left = (await fixture.keys()).filter((each) => /^(staging|uploads|trash)\//.test(each))
      assert.deepEqual(left, [])
    },
  )

test(
  'if publishing is killed at any step, another process completes it exactly once',
  { skip },
  async (t) => {
    const steps = ['sign', 'place', 'commit', 'drop', 'render', 'switch', 'announce']
    await using fixture = await s3Fixture()
    await using system = await TestBackend.start({ withKeygen: true, store: fixture.store })
    await publishDueRepositories(system.backend, never)
    const agent = await system.agent()
    const { repository, key } = urls(system)
    await using client = await dnfFor(repository, key)
    let isFirst = true
    for (const step of steps)
      await t.test(step, async () => {
        const id = await system.built(agent, hello)
        const at = (reached: string): void => {
          if (reached === step) throw new Error(`killed at ${step}`)
        }
        await publishDue({ ...system.backend, at }, never)
        await publishDueRepositories({ ...system.backend, at }, never)
        const between = await client.query('repoquery', '--qf', '%{location}')
        assert.ok((isFirst ? [0, 3] : [3]).includes(between.length))
        await system.db.updateTable('task').set({ not_before: null }).execute()
        const successor = { ...system.backend, store: fixture.another() }
        await publishDue(successor, never)
        await publishDueRepositories(successor, never)
        await publishDueRepositories(successor, never)
        const { state, chroot } = await system.build(id)
        assert.equal(state, 'succeeded')
        isFirst = false
        const listed = await client.query('repoquery', '--qf', '%{location}')
        assert.equal(listed.length, 3)
        for (const location of listed) assert.ok(location.startsWith(`${chroot?.result_dir}/`))
      })
    const installed = await client.dnf('install', 'hello-doc')
    assert.ok(installed.ok, installed.output)
    await dropStaleStaging(system.backend)
    assert.deepEqual(await fixture.store.listStaged(), [])
  },
)

test(
  'an index is built in several steps if its packages do not all fit on the disk',
  { skip },
  async () => {
    await using fixture = await s3Fixture()
    // Each package is larger than a quarter of this scratch space.
    const store = s3Store(fixture.bucket, scratchIn(join(scratch, 'tight'), 10_000))
    await using system = await TestBackend.start({ withKeygen: true, store })
    const agent = await system.agent()
    for (const files of [hello, other]) {
      await system.built(agent, files)
      await publishDue(system.backend, never)
    }
    await publishDueRepositories(system.backend, never)
    const { repository, key } = urls(system)
    await using client = await dnfFor(repository, key)
    assert.equal((await client.query('repoquery')).length, 6)
    const installed = await client.dnf('install', 'hello', 'other-doc')
    assert.ok(installed.ok, installed.output)
  },
)

test(
  'a package that differs from the published one fails only its own build',
  { skip },
  async () => {
    await using fixture = await s3Fixture()
    await using system = await TestBackend.start({ withKeygen: true, store: fixture.store })
    const agent = await system.agent()
    const id = await system.built(agent, hello)
    const next = await system.built(agent, other)
    await publishDue(system.backend, never)
    const rpm = (await fixture.keys()).find((each) => each.endsWith('hello-1.0-1.noarch.rpm')) ?? ''
    const bytes = (await fixture.bucket.getBytes(rpm)) ?? Buffer.alloc(0)
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    await fixture.bucket.put(rpm, bytes)
    await publishDueRepositories({ ...system.backend, store: fixture.another() }, never)
    const { chroot } = await system.build(id)
    assert.equal(chroot?.state, 'failed')
    assert.match(chroot.state_reason ?? '', /^Cannot publish hello-1\.0-1\.noarch\.rpm: /)
    assert.equal((await system.build(next)).state, 'succeeded')
  },
)

test('an index with a missing file is rebuilt from all packages', { skip }, async () => {
  await using fixture = await s3Fixture()
  await using system = await TestBackend.start({ withKeygen: true, store: fixture.store })
  const agent = await system.agent()
  await system.built(agent, hello)
  await publish(system)
  const primary = (await fixture.keys()).filter((each) => each.endsWith('-primary.xml.gz'))
  await fixture.bucket.remove(primary)
  const id = await system.built(agent, other)
  await publish(system)
  assert.equal((await system.build(id)).state, 'succeeded')
  const { repository, key } = urls(system)
  await using client = await dnfFor(repository, key)
  assert.equal((await client.query('repoquery')).length, 6)
})

test('dnf follows redirects to an S3 server that it can reach directly', { skip }, async () => {
  await using fixture = await s3Fixture()
  const { endpoint } = s3Config(fixture.config)
  const bucket = openBucket(s3Config({ ...fixture.config, public_endpoint: endpoint }))
  // The backend sends small packages itself instead of redirecting, so this store reports larger sizes for them.
  const large = { ...bucket, head: async (key: string) => await largeHead(bucket, key) }
  const store = s3Store(large, scratchIn(join(scratch, 'public'), 1e9))
  await using system = await TestBackend.start({ withKeygen: true, store: fixture.store })
  const agent = await system.agent()
  await system.built(agent, hello)
  await publish(system)
  await using front = await TestBackend.start({ store })
  const project = `${front.url}/results/dana/telescope`
  const { chroot } = await system.build(1)
  const rpm = `${project}/${CHROOT}/${chroot?.result_dir}/hello-1.0-1.noarch.rpm`
  const answer = await fetch(rpm, { redirect: 'manual' })
  assert.equal(answer.status, 302)
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  assert.ok(answer.headers.get('location')?.startsWith(`${endpoint}/`))
  assert.equal((await fetch(rpm, { method: 'HEAD', redirect: 'manual' })).status, 200)
  await using client = await dnfFor(`${project}/${CHROOT}/`, `${project}/pubkey.gpg`)
  const installed = await client.dnf('install', 'hello')
  assert.ok(installed.ok, installed.output)
  bucket.close()
})

async function largeHead(bucket: ReturnType<typeof openBucket>, key: string) {
  const facts = await bucket.head(key)
  return facts && key.endsWith('.rpm') ? { ...facts, size: facts.size + 2 * 1024 ** 2 } : facts
}
