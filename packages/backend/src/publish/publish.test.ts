import { COMMAND } from '@copr/domain/audit/actor'
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { deleteBuilds } from '@copr/domain/builds/cancel'
import { runOrThrow } from '@copr/process/run'
import { missingTools } from '@copr/rpm/testing/real-rpm'
import { dropStaleStaging } from '../maintenance/stale-uploads.ts'
import { removeDue } from '../maintenance/removals.ts'
import { FEDORA_REVIEW_PREFIX } from '@copr/contract/builder-protocol'
import { listed } from '../testing/agent.ts'
import { type BuiltFile, buildPackages } from '../testing/packages.ts'
import { dnfFor } from '../testing/dnf.ts'
import { CHROOT, TestBackend } from '../testing/test-backend.ts'
import { publishDue } from './publish-loop.ts'
import { publishDueRepositories } from './publish-repository.ts'
import { fixtures } from '@copr/domain/testing/fixtures'

const skip = missingTools('rpmbuild', 'createrepo_c', 'dnf')
const never = new AbortController().signal

let scratch: string
let hello: BuiltFile[]
let other: BuiltFile[]
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'copr-publish-'))
  if (skip) return
  hello = await buildPackages(scratch)
  other = await buildPackages(scratch, { name: 'other' })
})
after(() => rm(scratch, { recursive: true, force: true }))

function urls(system: TestBackend) {
  const project = `${system.url}/results/dana/telescope`
  return { repository: `${project}/${CHROOT}/`, key: `${project}/pubkey.gpg` }
}

/** Returns the locations of the packages in the repository's index. Reading the index takes a tenth of the time that dnf needs to start. */
async function listedPackages(repository: string): Promise<string[]> {
  const repomd = await (await fetch(`${repository}repodata/repomd.xml`)).text()
  const href = /<data type="primary">.*?<location href="([^"]+)"/s.exec(repomd)?.[1] ?? ''
  const packed = await (await fetch(`${repository}${href}`)).arrayBuffer()
  const packages = gunzipSync(packed).toString()
  return [...packages.matchAll(/<location href="([^"]+)"/g)].map(([, location = '']) => location)
}

async function untilState(system: TestBackend, id: number, wanted: string): Promise<void> {
  for (;;) {
    const { state, chroot } = await system.build(id)
    if (state === wanted) return
    assert.ok(
      !['failed', 'canceled', 'succeeded'].includes(state),
      `${state}: ${chroot?.state_reason}`,
    )
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('a built package can be installed, with signatures checked', { skip }, async () => {
  await using system = await TestBackend.start({ withKeygen: true, algorithm: 'rsa4096' })
  system.run()
  const agent = await system.agent()
  const id = await system.built(agent, hello)
  await untilState(system, id, 'succeeded')

  const { repository, key } = urls(system)
  await using client = await dnfFor(repository, key)
  assert.deepEqual(await client.query('repoquery', '--qf', '%{name}-%{evr}.%{arch}'), [
    'hello-1.0-1.noarch',
    'hello-1.0-1.src',
    'hello-doc-1.0-1.noarch',
  ])
  const installed = await client.dnf('install', 'hello')
  assert.ok(installed.ok, installed.output)
  assert.equal(await readFile(join(client.root, 'usr/share/hello/greeting'), 'utf8'), 'hello 1.0\n')

  const { chroot } = await system.build(id)
  const place = join(system.results, 'dana/telescope', CHROOT, chroot?.result_dir ?? '')
  assert.deepEqual((await readdir(place)).toSorted(), [
    'backend.log.gz',
    'build.info',
    'builder-live.log.gz',
    'hello-1.0-1.noarch.rpm',
    'hello-1.0-1.src.rpm',
    'hello-doc-1.0-1.noarch.rpm',
    'hello.spec',
    'results.json',
    'success',
  ])
  const { packages } = JSON.parse(await readFile(join(place, 'results.json'), 'utf8')) as {
    packages: { arch: string }[]
  }
  assert.deepEqual(packages.map(({ arch }) => arch).toSorted(), ['noarch', 'noarch', 'src'])
  const log = gunzipSync(await readFile(join(place, 'backend.log.gz'))).toString()
  assert.match(log, /claimed by builder-1[\s\S]*verified 3[\s\S]*signed[\s\S]*published/)
  assert.deepEqual(await readdir(join(system.data_dir, 'staging')), [])

  const keys = join(scratch, 'rpmdb')
  const pubkey = join(system.results, 'dana/telescope/pubkey.gpg')
  await runOrThrow('rpmkeys', ['--dbpath', keys, '--import', pubkey])
  for (const name of ['hello-1.0-1.noarch.rpm', 'hello-1.0-1.src.rpm']) {
    const checked = await runOrThrow('rpmkeys', [
      '--dbpath',
      keys,
      '--checksig',
      '--verbose',
      join(place, name),
    ])
    assert.match(checked, /Header V4 RSA\/SHA256 Signature, key ID [0-9a-f]+: OK/)
  }
})

test('review reports are published together with the packages', { skip }, async () => {
  await using system = await TestBackend.start({ withKeygen: true })
  system.run()
  const agent = await system.agent()
  const id = await system.untilRpmTask(agent, hello)
  const files = [
    ...hello,
    { name: 'rpmlint.txt', data: Buffer.from('findings\n') },
    { name: `${FEDORA_REVIEW_PREFIX}review.txt`, data: Buffer.from('review\n') },
  ]
  const reviews = [{ tool: 'rpmlint' as const, errors: 1, warnings: 2 }]
  for (const file of files) await agent.put(file.name, file.data)
  const request = { outcome: 'succeeded' as const, files: files.map(listed), reviews }
  assert.deepEqual(await (await agent.finish(request)).json(), { accepted: true })
  await untilState(system, id, 'succeeded')
  const { chroot } = await system.build(id)
  assert.deepEqual(chroot?.reviews, reviews)
  const place = join(system.results, 'dana/telescope', CHROOT, chroot?.result_dir ?? '')
  assert.equal(await readFile(join(place, 'rpmlint.txt'), 'utf8'), 'findings\n')
  assert.equal(await readFile(join(place, 'fedora-review', 'review.txt'), 'utf8'), 'review\n')
})

test(
  'if publishing is killed at any step, the next attempt completes it exactly once',
  { skip },
  async (t) => {
    const steps = [
      'verify',
      'sign',
      'place',
      'describe',
      'commit',
      'drop',
      'render',
      'sign-index',
      'switch',
      'announce',
    ]
    await using system = await TestBackend.start({ withKeygen: true })
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
        await publishDue(system.backend, never)
        await publishDueRepositories(system.backend, never)
        await publishDueRepositories(system.backend, never)
        const { state, chroot } = await system.build(id)
        assert.equal(state, 'succeeded')
        isFirst = false
        const members = await system.db
          .selectFrom('repository_member')
          .selectAll()
          .where('build_chroot_id', '=', chroot?.id ?? 0)
          .execute()
        assert.equal(members.length, 3)
        assert.deepEqual(
          (await listedPackages(repository)).toSorted(),
          members.map(({ path }) => path).toSorted(),
        )
      })
    const listed = await client.query('repoquery', '--qf', '%{location}')
    assert.equal(listed.length, 3)
    const installed = await client.dnf('install', 'hello-doc')
    assert.ok(installed.ok, installed.output)
    await dropStaleStaging(system.backend)
    assert.deepEqual(await readdir(join(system.data_dir, 'staging')), [])
    const dir = await readdir(join(system.results, 'dana/telescope', CHROOT))
    const hidden = dir.filter((name) => name.startsWith('.'))
    assert.equal(
      hidden.length,
      2,
      `only the current and the previous index are left: ${hidden.join(' ')}`,
    )
  },
)

for (const [what, last] of [
  ['signs no further packages', 1],
  ['publishes nothing', 3],
] as const)
  test(`a worker without the lease of its task ${what}`, { skip }, async () => {
    await using system = await TestBackend.start({ withKeygen: true })
    const agent = await system.agent()
    const id = await system.built(agent, hello)
    const { store } = system.backend
    const done: string[] = []
    const lost = {
      ...store,
      changeHead: async (...args: Parameters<typeof store.changeHead>) => {
        await store.changeHead(...args)
        if (done.push('sign') === last) await take('another', 'leased')
      },
      place: async () => void done.push('place'),
    }
    // Simulates an expired lease: another publisher has claimed the task.
    const take = (lease: string | null, state: 'leased' | 'queued') =>
      fixtures(system.db)
        .updateTable('task')
        .set({ lease, state })
        .where('kind', '=', 'publish')
        .execute()
    await publishDue({ ...system.backend, store: lost }, never)
    assert.deepEqual(
      done,
      Array.from({ length: last }, () => 'sign'),
    )
    await take(null, 'queued')
    await publishDue(system.backend, never)
    await publishDueRepositories(system.backend, never)
    assert.equal((await system.build(id)).state, 'succeeded')
  })

test(
  'packages with a wrong name, epoch, digest or source, or with invalid text, fail the build',
  { skip },
  async () => {
    await using system = await TestBackend.start({ withKeygen: true })
    const agent = await system.agent()
    const binary = hello.find(({ name }) => name === 'hello-1.0-1.noarch.rpm')
    const srpm = hello.find(({ name }) => name.endsWith('.src.rpm'))
    const foreign = other.filter(({ name }) => name.endsWith('.noarch.rpm'))
    assert.ok(binary && srpm)
    const damaged = Buffer.from(binary.data)
    damaged[damaged.length - 20] = (damaged[damaged.length - 20] ?? 0) ^ 0xff
    const late = await buildPackages(scratch, { epoch: 4_294_967_295 })
    const bell = await buildPackages(scratch, { words: 'A bell: \u0007' })
    for (const [files, reason] of [
      [
        bell,
        /^Cannot accept hello-doc-1\.0-1\.noarch\.rpm: its description contains the control character U\+0007/,
      ],
      [
        late,
        /^Cannot accept hello-1\.0-1\.src\.rpm: its epoch is 4294967295, the limit is 2147483647$/,
      ],
      [[{ name: 'bash-9-1.noarch.rpm', data: binary.data }], /its header is that of hello/],
      [[{ name: binary.name, data: damaged }], /does not match/],
      [[{ name: binary.name, data: Buffer.from('nonsense') }], /Cannot read/],
      [[srpm, ...foreign], /built from other-1.0-1.src.rpm/],
      [foreign, /built from other-1.0-1.src.rpm/],
      [[], /uploaded no packages/],
    ] as const) {
      const id = await system.untilRpmTask(agent, hello)
      await agent.succeed([...files])
      await publishDue(system.backend, never)
      const { state, chroot } = await system.build(id)
      assert.equal(state, 'failed', String(reason))
      assert.match(chroot?.state_reason ?? '', reason)
      const place = join(system.results, 'dana/telescope', CHROOT, chroot?.result_dir ?? '')
      assert.ok(!(await readdir(place)).some((name) => name.endsWith('.rpm')))
    }
  },
)

test('builds wait while keygen is down, and are published when it is back', { skip }, async () => {
  await using system = await TestBackend.start({ withKeygen: true })
  const agent = await system.agent()
  const id = await system.built(agent, hello)
  const away = () => Promise.reject(new Error('keygen is unreachable'))
  const keygen = { makeKey: away, sign: away, changedKeys: away, open: away }
  await publishDue({ ...system.backend, keygen }, never)
  await publishDueRepositories({ ...system.backend, keygen }, never)
  assert.equal((await system.build(id)).chroot?.state, 'running')
  system.run()
  await untilState(system, id, 'succeeded')
})

test('a deleted build is removed from the index first, then from disk', { skip }, async () => {
  await using system = await TestBackend.start({ withKeygen: true })
  const agent = await system.agent()
  const id = await system.built(agent, hello)
  await publishDue(system.backend, never)
  await publishDueRepositories(system.backend, never)
  const { chroot } = await system.build(id)
  const place = join(system.results, 'dana/telescope', CHROOT, chroot?.result_dir ?? '')
  await deleteBuilds(system.db, COMMAND, [id], new Date())
  await removeDue(system.backend)
  assert.ok((await readdir(place)).length > 0, 'dnf still sees it')
  await publishDueRepositories(system.backend, never)
  await removeDue(system.backend)
  await assert.rejects(readdir(place))
  assert.deepEqual(
    await system.db.selectFrom('removal').select('id').where('place', '=', 'results').execute(),
    [],
  )
  const { repository, key } = urls(system)
  await using client = await dnfFor(repository, key)
  assert.deepEqual(await client.query('repoquery'), [])
})
