import type { FailureDetails } from '@copr/contract/failure'
import { COMMAND } from '@copr/domain/audit/actor'
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { FinishRequest } from '@copr/contract/builder-protocol'
import { DistgitSettings } from '@copr/contract/made-sources'
import { cancelBuild } from '@copr/domain/builds/cancel'
import { secretName, setSecret } from '@copr/domain/secrets/project-secrets'
import { advanceChains } from '@copr/domain/chains/advance-chains'
import { createChain, startChain } from '@copr/domain/chains/chains'
import { requeueExpired } from '@copr/domain/builds/task-outcomes'
import { LEASE_HEADER } from '@copr/contract/builder-protocol'
import type { KyselyPlugin } from 'kysely'
import { backendApp } from '../app.ts'
import { readSourceMetadata } from './source-metadata.ts'
import { listed } from '../testing/agent.ts'
import { type BuiltFile, buildPackages } from '../testing/packages.ts'
import { accepted, CHROOT, TestBackend } from '../testing/test-backend.ts'

let scratch: string
let hello: BuiltFile[]
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'copr-gateway-'))
  hello = await buildPackages(scratch)
})
after(() => rm(scratch, { recursive: true, force: true }))

const srpmOf = (files: BuiltFile[]): BuiltFile => {
  const found = files.find(({ name }) => name.endsWith('.src.rpm'))
  assert.ok(found)
  return found
}

test('an enrollment token creates a session only once', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  assert.equal(await agent.claim(), undefined)
  const body = JSON.stringify({
    enroll_token: 'x'.repeat(20),
    name: 'a',
    kinds: ['rpm'],
    arches: [],
  })
  const again = await fetch(`${system.url}/builder/enroll`, { method: 'POST', body })
  assert.equal(again.status, 401)
})

test('a build proceeds from its source to results that are waiting for publication', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const id = await system.submitLink()
  const source = await agent.claim()
  assert.deepEqual(source?.task.kind === 'source' && source.task.source, {
    type: 'link',
    url: 'https://example.com/hello-1.0-1.src.rpm',
  })
  await accepted(await agent.succeed([srpmOf(hello)]))
  assert.equal((await system.build(id)).state, 'importing')

  const imported = await agent.claim()
  assert.ok(imported?.task.kind === 'import')
  assert.deepEqual([imported.task.package_name, imported.task.branches], ['hello', ['debian12']])
  const srpm = await agent.send('GET', `/tasks/${id}/srpm`)
  assert.deepEqual(Buffer.from(await srpm.arrayBuffer()), srpmOf(hello).data)
  await agent.log('importing\n', 0, 'import.log')
  await accepted(await agent.succeed([], { branch_commits: { debian12: 'd'.repeat(40) } }))
  const srpms = join(system.results, 'dana/telescope/srpm-builds', String(id).padStart(8, '0'))
  assert.deepEqual(await readFile(join(srpms, srpmOf(hello).name)), srpmOf(hello).data)
  assert.equal(gunzipSync(await readFile(join(srpms, 'import.log.gz'))).toString(), 'importing\n')
  assert.deepEqual(await readdir(join(system.data_dir, 'uploads')), [])

  const rpm = await agent.claim()
  assert.ok(rpm?.task.kind === 'rpm')
  assert.equal(rpm.task.git_url, 'http://copr.example/git/dana/telescope/hello')
  assert.equal(rpm.task.macros['vendor'], 'Copr - user dana')
  assert.equal(rpm.task.repos[0]?.baseurl, `http://copr.example/results/dana/telescope/${CHROOT}/`)
  await agent.log('building\n', 0)
  const place = join(
    system.results,
    'dana/telescope',
    CHROOT,
    `${String(id).padStart(8, '0')}-hello`,
  )
  assert.equal(await readFile(join(place, 'builder-live.log'), 'utf8'), 'building\n')
  await agent.put(srpmOf(hello).name, srpmOf(hello).data)
  assert.ok(
    !existsSync(join(place, srpmOf(hello).name)),
    'results are not public before they are published',
  )
  await accepted(
    await agent.succeed(hello.filter((file) => file !== srpmOf(hello)).concat(srpmOf(hello))),
  )
  assert.equal((await system.build(id)).chroot?.state, 'running')
})

const FAILURE: FailureDetails = {
  category: 'compile',
  section: '%build',
  log: 'builder-live.log',
  line: 1,
  excerpt: { first_line: 1, lines: ['make: *** Error 1'] },
  hint: 'Fix it.',
}

test('a failed build keeps its logs and its spec file, but not its packages', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const id = await system.untilRpmTask(agent, hello)
  await agent.log('make: *** Error 1\n', 0)
  for (const file of hello) await agent.put(file.name, file.data)
  await accepted(
    await agent.finish({
      outcome: 'failed',
      reason: 'The build failed',
      failure: FAILURE,
      files: hello.map(listed),
    }),
  )
  const { chroot } = await system.build(id)
  assert.deepEqual(chroot?.failure, FAILURE)
  assert.deepEqual([chroot?.state, chroot?.state_reason], ['failed', 'The build failed'])
  const place = join(system.results, 'dana/telescope', CHROOT, chroot?.result_dir ?? '')
  assert.deepEqual((await readdir(place)).toSorted(), [
    'backend.log.gz',
    'builder-live.log.gz',
    'hello.spec',
  ])
  assert.deepEqual(await readdir(join(system.data_dir, 'staging')), [])
})

test('an upload resumes where it was interrupted', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  await system.submitLink()
  await agent.claim()
  const { name, data } = srpmOf(hello)
  const half = Math.floor(data.length / 2)
  const { hostname, port } = new URL(system.url)
  const broken = connect(Number(port), hostname)
  broken.write(
    `PUT /builder/tasks/${agent.task_id}/files/${name}?offset=0 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${agent.token}\r\nx-copr-lease: ${agent.lease}\r\ncontent-length: ${data.length}\r\n\r\n`,
  )
  broken.write(data.subarray(0, half))
  const staging = join(system.data_dir, 'staging')
  const staged = async (): Promise<number> => {
    const [dir] = await readdir(staging)
    if (!dir) return 0
    return (await readFile(join(staging, dir, name)).catch(() => Buffer.alloc(0))).length
  }
  while ((await staged()) < half) await new Promise((resolve) => setTimeout(resolve, 5))
  // The old connection is still open, and the new request takes over.
  const wrong = await agent.put(name, data)
  assert.equal(wrong.status, 409)
  assert.deepEqual(await wrong.json(), { size: half })
  const rest = await agent.put(name, data.subarray(half), half)
  assert.deepEqual(await rest.json(), { size: data.length })
  broken.destroy()
  await accepted(await agent.finish({ outcome: 'succeeded', files: [listed({ name, data })] }))
})

test('finish is idempotent, and is refused without the lease', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const id = await system.untilRpmTask(agent, hello)
  const failed: FinishRequest = { outcome: 'failed', reason: 'It broke', files: [] }
  await system.db
    .updateTable('task')
    .set({ lease_until: new Date(0) })
    .where('lease', '=', agent.lease)
    .execute()
  await requeueExpired(system.db, { now: new Date(), max_attempts: 5 })
  assert.deepEqual(await (await agent.finish(failed)).json(), { accepted: false })
  assert.equal((await agent.log('late\n', 0)).status, 409)
  assert.equal((await agent.put('late.txt', Buffer.from('late'))).status, 409)
  assert.equal((await agent.post(`/tasks/${agent.task_id}/heartbeat`, {})).status, 409)

  const other = await system.agent()
  await other.claim()
  const thief = Object.assign(Object.create(agent) as typeof agent, { lease: other.lease })
  assert.equal((await thief.log('not mine\n', 0)).status, 409)
  assert.deepEqual(await (await thief.finish(failed)).json(), { accepted: false })
  await accepted(await other.finish(failed))
  await accepted(await other.finish(failed))
  assert.equal((await other.log('late\n', 0)).status, 409)
  assert.equal((await other.put('late.txt', Buffer.from('late'))).status, 409)
  assert.equal((await other.post(`/tasks/${other.task_id}/heartbeat`, {})).status, 409)
  assert.equal((await system.build(id)).chroot?.state_reason, 'It broke')
})

test('an append to a live log causes two database reads and no write', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  await system.submitLink()
  await agent.claim()
  const statements: string[] = []
  const counting: KyselyPlugin = {
    transformQuery: ({ node }) => {
      statements.push(node.kind)
      return node
    },
    transformResult: async ({ result }) => result,
  }
  const app = backendApp({ ...system.backend, db: system.db.withPlugin(counting) })
  const headers = { authorization: `Bearer ${agent.token}`, [LEASE_HEADER]: agent.lease }
  const send = async (offset: number): Promise<number> => {
    statements.length = 0
    const path = `/builder/tasks/${agent.task_id}/log?name=builder-live.log&offset=${offset}`
    return (await app.request(path, { method: 'PUT', headers, body: 'a line\n' })).status
  }
  assert.equal(await send(0), 200)
  assert.equal(await send(7), 200)
  assert.deepEqual(statements, ['SelectQueryNode', 'SelectQueryNode'])
})

test('the response to a heartbeat reports a cancellation, and a canceled build stays canceled', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const id = await system.untilRpmTask(agent, hello)
  const beat = async (): Promise<unknown> =>
    await (await agent.post(`/tasks/${agent.task_id}/heartbeat`, { phase: 'building' })).json()
  assert.deepEqual(await beat(), { cancel: false, lease_seconds: 60 })
  assert.equal((await system.build(id)).chroot?.state, 'running')
  await cancelBuild(system.db, COMMAND, id, new Date())
  assert.deepEqual(await beat(), { cancel: true, lease_seconds: 60 })
  await accepted(await agent.succeed(hello))
  assert.equal((await system.build(id)).state, 'canceled')
  const waiting = await system.db
    .selectFrom('task')
    .select('id')
    .where('state', '<>', 'done')
    .execute()
  assert.deepEqual(waiting, [])
})

test('a claim that is waiting gets a new task at once', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const waiting = agent.claim(30)
  await system.submitLink()
  assert.equal((await waiting)?.task.kind, 'source')
})

test('a task is not given to a machine that has disconnected', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const gone = new AbortController()
  const waiting = agent.send('POST', '/claim', { body: '{"wait_seconds":30}', signal: gone.signal })
  await assert.rejects(Promise.all([waiting, agent.claim().then(() => gone.abort())]))
  await system.submitLink()
  const other = await system.agent()
  assert.equal((await other.claim(5))?.task.kind, 'source')
})

test('a lost task is requeued, and the log of the earlier attempt is moved to a backup folder', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const id = await system.untilRpmTask(agent, hello)
  await agent.log('first try\n', 0)
  await accepted(
    await agent.finish({ outcome: 'lost', cause: 'disk_full', reason: 'The disk is full' }),
  )
  await system.db.updateTable('task').set({ not_before: null }).execute()
  await agent.claim()
  assert.equal((await agent.log('second try\n', 0)).status, 200)
  const { chroot } = await system.build(id)
  const place = join(system.results, 'dana/telescope', CHROOT, chroot?.result_dir ?? '')
  assert.equal(await readFile(join(place, 'builder-live.log'), 'utf8'), 'second try\n')
  assert.equal(
    await readFile(join(place, 'prev_build_backup/builder-live.log'), 'utf8'),
    'first try\n',
  )
})

test('a chain build with missing requirements publishes no files, and starts again when its chain allows it', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const id = await system.untilRpmTask(agent, hello)
  const { project_id } = await system.db
    .selectFrom('build')
    .select('project_id')
    .executeTakeFirstOrThrow()
  const chain_id = await createChain(system.db, project_id, new Date())
  await system.db.updateTable('build').set({ chain_id }).execute()
  await startChain(system.db, chain_id, new Date())
  await agent.log('nothing provides lens-devel\n', 0)
  const spec = hello.find(({ name }) => name.endsWith('.spec')) ?? srpmOf(hello)
  await agent.put(spec.name, spec.data)
  const files = [listed(spec)]
  const reason = 'Packages needed for the build are missing'
  const report = { unmet: ['lens-devel'], declares: ['hello = 1-1'] }
  await accepted(await agent.finish({ outcome: 'failed', reason, ...report, files }))
  const { chroot } = await system.build(id)
  assert.equal(chroot?.state, 'pending')
  const place = join(system.results, 'dana/telescope', CHROOT, chroot.result_dir ?? '')
  assert.deepEqual((await readdir(place)).toSorted(), ['backend.log', 'builder-live.log'])
  assert.deepEqual(await readdir(join(system.data_dir, 'staging')), [])
  await advanceChains(system.db, new Date())
  await agent.claim()
  assert.equal((await agent.log('second try\n', 0)).status, 200)
  assert.equal(await readFile(join(place, 'builder-live.log'), 'utf8'), 'second try\n')
})

test('an uploaded SRPM is imported and published, and is then removed from the uploads', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const { name, data } = srpmOf(hello)
  const folder = join(system.data_dir, 'uploads', 'some-folder')
  await mkdir(folder)
  await writeFile(join(folder, name), data)
  const facts = await readSourceMetadata(join(folder, name), name)
  const json = { tmp: 'some-folder', pkg: name, url: 'http://copr.example/x' }
  const id = await system.submit({ type: 'upload', json, facts, bytes: data.length })
  assert.equal((await agent.claim())?.task.kind, 'import')
  const srpm = await agent.send('GET', `/tasks/${id}/srpm`)
  assert.deepEqual(Buffer.from(await srpm.arrayBuffer()), data)
  await accepted(await agent.succeed([], { branch_commits: { debian12: 'd'.repeat(40) } }))
  const padded = String(id).padStart(8, '0')
  const published = await fetch(
    `${system.url}/results/dana/telescope/srpm-builds/${padded}/${name}`,
  )
  assert.deepEqual(Buffer.from(await published.arrayBuffer()), data)
  assert.ok(!existsSync(folder))
  const { log, summary } = await sourceFiles(system, id)
  assert.equal(log, `No builder was needed: ${name} was uploaded as a source package.\n`)
  assert.deepEqual(summary, {
    name: 'hello',
    epoch: null,
    version: '1.0',
    release: '1',
    architecture_specific_tags: {},
  })
})

const UNKNOWN = {
  name: null,
  epoch: null,
  version: null,
  release: null,
  architecture_specific_tags: {},
}

test('a failed source build has a log and results.json even if its builder has written neither', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const failed: FinishRequest = {
    outcome: 'failed',
    reason: 'Cannot download it: 404',
    files: [],
  }
  const silent = await system.submitLink()
  await agent.claim()
  await accepted(await agent.finish(failed))
  assert.deepEqual(await sourceFiles(system, silent), {
    log: 'No builder has written a log.\nThe source build failed: Cannot download it: 404\n',
    summary: UNKNOWN,
  })
  const logged = await system.submitLink()
  await agent.claim()
  await agent.log('downloading\n', 0)
  await accepted(await agent.finish(failed))
  assert.deepEqual(await sourceFiles(system, logged), { log: 'downloading\n', summary: UNKNOWN })
})

test('the summary of a source build names the package before the import, and still does after a failed import', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const id = await system.submitLink()
  await agent.claim()
  await agent.log('downloading\n', 0)
  await accepted(await agent.succeed([srpmOf(hello)]))
  const before = await sourceFiles(system, id)
  assert.partialDeepStrictEqual(before, { log: 'downloading\n', summary: { name: 'hello' } })
  await agent.claim()
  await accepted(await agent.finish({ outcome: 'failed', reason: 'It rains', files: [] }))
  assert.deepEqual(await sourceFiles(system, id), before)
})

/** Downloads the log and the summary of a source build, as clients do. */
async function sourceFiles(
  system: TestBackend,
  id: number,
): Promise<{ log: string; summary: unknown }> {
  const folder = `${system.url}/results/dana/telescope/srpm-builds/${String(id).padStart(8, '0')}`
  const log = await fetch(`${folder}/builder-live.log.gz`)
  assert.equal(log.status, 200)
  return { log: await log.text(), summary: await (await fetch(`${folder}/results.json`)).json() }
}

test('a builder gets an uploaded spec file and the chroot in which to make the SRPM, which is then imported', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const folder = join(system.data_dir, 'uploads', 'some-folder')
  await mkdir(folder)
  await writeFile(join(folder, 'hello.spec'), 'Name: hello\n')
  const json = { tmp: 'some-folder', pkg: 'hello.spec', url: 'http://copr.example/x' }
  const id = await system.submit({ type: 'upload', json, bytes: 12 })
  const claimed = await agent.claim()
  assert.ok(claimed?.task.kind === 'source')
  assert.deepEqual(claimed.task.source, { type: 'upload', file_name: 'hello.spec' })
  assert.equal(claimed.task.root?.chroot.name, CHROOT)
  assert.equal(claimed.task.root?.macros['buildtag'], `.copr${id}`)
  const spec = await agent.send('GET', `/tasks/${id}/srpm`)
  assert.equal(await spec.text(), 'Name: hello\n')
  const { name, data } = srpmOf(hello)
  await accepted(await agent.succeed([{ name, data }]))
  assert.equal((await agent.claim())?.task.kind, 'import')
  const srpm = await agent.send('GET', `/tasks/${id}/srpm`)
  assert.deepEqual(Buffer.from(await srpm.arrayBuffer()), data)
})

test('a builder gets a script with its repositories and the body of the webhook', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const folder = join(system.data_dir, 'uploads', 'some-folder')
  await mkdir(folder)
  await writeFile(join(folder, 'hook_payload'), '{}')
  const repos = 'copr://dana/telescope https://x.example/$chroot'
  const hook = { tmp: 'some-folder', hook_data: true }
  const id = await system.submit(
    { type: 'custom', json: { script: 'true', chroot: CHROOT, repos, ...hook } },
    { submitter_id: null },
  )
  const claimed = await agent.claim()
  assert.ok(claimed?.task.kind === 'source')
  assert.deepEqual(
    claimed.task.root?.repos.map(({ baseurl, is_external }) => [baseurl, is_external]),
    [
      [`${system.backend.config.public_url}/results/dana/telescope/${CHROOT}/`, false],
      [`https://x.example/${CHROOT}`, true],
    ],
  )
  assert.equal(await (await agent.send('GET', `/tasks/${id}/srpm`)).text(), '{}')
})

test('a builder gets the settings of a source build, and may report a failure at once', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const settings = { type: 'svn', clone_url: 'https://svn.example.org/lens' }
  const id = await system.submit(
    { type: 'scm', json: settings },
    { submitter_id: null, submitted_by: 'a webhook' },
  )
  const claimed = await agent.claim()
  assert.ok(claimed?.task.kind === 'source')
  assert.deepEqual(claimed.task.source, { type: 'scm', settings })
  await accepted(await agent.finish({ outcome: 'failed', reason: 'It cannot', files: [] }))
  const build = await system.build(id)
  assert.deepEqual([build.state, build.fail_reason], ['failed', 'It cannot'])
})

test('a builder receives, with its task, the layout of the dist-git that the package comes from', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  for (const distgit of ['centos', 'gone'])
    await system.submit({ type: 'distgit', json: { clone_url: 'https://x.example/x', distgit } })
  const layouts = []
  for (const _ of [1, 2]) {
    const claimed = await agent.claim()
    assert.ok(claimed?.task.kind === 'source' && claimed.task.source.type === 'distgit')
    layouts.push(DistgitSettings.parse(claimed.task.source.settings).layout)
    await accepted(await agent.finish({ outcome: 'failed', reason: 'It cannot', files: [] }))
  }
  assert.equal(layouts[0]?.sources_file, '.{name}.metadata')
  assert.equal(layouts[1], undefined)
})

for (const [build, chroot, project, want] of [
  ['unchanged', 'unchanged', 'default', 'default'],
  ['unchanged', 'unchanged', 'simple', 'simple'],
  ['unchanged', 'nspawn', 'simple', 'nspawn'],
  ['default', 'nspawn', 'simple', 'default'],
] as const)
  test(`isolation ${build} (build), ${chroot} (chroot), ${project} (project) resolves to ${want}`, async () => {
    await using system = await TestBackend.start()
    const agent = await system.agent()
    await system.submitLink()
    await agent.claim()
    await accepted(await agent.succeed([srpmOf(hello)]))
    await agent.claim()
    await accepted(await agent.succeed([], { branch_commits: { debian12: 'd'.repeat(40) } }))
    await system.db.updateTable('build').set({ isolation: build, bootstrap: build }).execute()
    await system.db.updateTable('project_chroot').set({ isolation: chroot }).execute()
    await system.db.updateTable('project').set({ isolation: project }).execute()
    const claimed = await agent.claim()
    assert.ok(claimed?.task.kind === 'rpm')
    assert.equal(claimed.task.isolation, want)
    assert.equal(claimed.task.bootstrap, 'default')
  })

test('the settings of a chroot are sent to the builder', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  await system.submitLink()
  await agent.claim()
  await accepted(await agent.succeed([srpmOf(hello)]))
  await agent.claim()
  await accepted(await agent.succeed([], { branch_commits: { debian12: 'd'.repeat(40) } }))
  await system.db
    .updateTable('project_chroot')
    .set({
      with_opts: ['--tests', 'net'],
      without_opts: ['docs'],
      additional_packages: ['ccache'],
      additional_modules: ['nodejs:22', '!perl:5.40'],
      bootstrap: 'custom_image',
      bootstrap_image: 'registry.example.org/fedora:43',
    })
    .execute()
  await system.db.updateTable('project').set({ rpmlint: true, fedora_review: true }).execute()
  const claimed = await agent.claim()
  assert.ok(claimed?.task.kind === 'rpm')
  const { task } = claimed
  // As in Copr, fedora-review checks only packages for Fedora.
  assert.deepEqual(task.reviews, ['rpmlint'])
  assert.deepEqual([task.with_opts, task.without_opts], [['tests', 'net'], ['docs']])
  assert.deepEqual(task.buildroot_packages, ['ccache'])
  assert.deepEqual(task.modules, [
    { action: 'enable', module: 'nodejs:22' },
    { action: 'disable', module: 'perl:5.40' },
  ])
  assert.equal(task.bootstrap, 'custom_image')
  assert.equal(task.bootstrap_image, 'registry.example.org/fedora:43')
  assert.equal(task.macros['__urlhelper_localopts'], '--proto -all,+https,+ftps')

  await accepted(await agent.finish({ outcome: 'lost', reason: 'again', cause: 'interrupted' }))
  await system.db.updateTable('build').set({ bootstrap: 'image' }).execute()
  const again = await agent.claim()
  assert.ok(again?.task.kind === 'rpm')
  assert.deepEqual([again.task.bootstrap, again.task.bootstrap_image], ['image', null])
})

test('git credentials are sent for the source step of builds from git, but not for pull requests from other repositories', async () => {
  await using system = await TestBackend.start({ withKeygen: true })
  const { db, project } = system
  const url = 'https://git.example.org/'
  const name = secretName({ project_id: project.id, kind: 'git', url })
  const sealed = await system.keygenAdmin.seal({ ...name, secret: 'canary' })
  const secret = { kind: 'git' as const, url, username: 'dana' }
  await setSecret(db, COMMAND, { project, secret, sealed, now: new Date() })
  const own = { clone_url: `${url}dana/lens` }
  const { id: package_id } = await db
    .insertInto('package')
    .values({
      project_id: project.id,
      name: 'lens',
      source_type: 'scm',
      source_json: JSON.stringify(own),
      created_at: new Date(),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  const agent = await system.agent()
  const credentialsOf = async (...submitted: Parameters<TestBackend['submit']>) => {
    await system.submit(...submitted)
    const claimed = await agent.claim()
    assert.ok(claimed?.task.kind === 'source')
    await accepted(await agent.finish({ outcome: 'failed', reason: 'tested', files: [] }))
    return claimed.task.credentials
  }
  const wanted = [{ url, username: 'dana', password: 'canary' }]
  const scm = (json: Record<string, unknown>) => ({ type: 'scm' as const, json })
  const pr = { dirname: `${project.name}:pr:7`, package_id }
  assert.deepEqual(await credentialsOf(scm(own)), wanted)
  assert.deepEqual(
    await credentialsOf(scm({ clone_url: `git@git.example.org:dana/lens` }), pr),
    wanted,
  )
  assert.equal(await credentialsOf(scm({ clone_url: `${url}eve/lens` }), pr), undefined)
  assert.equal(
    await credentialsOf({ type: 'custom', json: { script: 'true', chroot: CHROOT } }),
    undefined,
  )
})
