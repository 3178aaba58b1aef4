import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { failureOutsideLogs } from '@copr/contract/failure'
import { listed } from '../testing/agent.ts'
import { type BuiltFile, buildPackages } from '../testing/packages.ts'
import { accepted, TestBackend } from '../testing/test-backend.ts'

let scratch: string
let hello: BuiltFile[]
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'copr-bad-input-'))
  hello = await buildPackages(scratch)
})
after(() => rm(scratch, { recursive: true, force: true }))

const srpmOf = (files: BuiltFile[]): BuiltFile => {
  const found = files.find(({ name }) => name.endsWith('.src.rpm'))
  assert.ok(found)
  return found
}

test('every request with a wrong session token is refused', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const stranger = Object.assign(Object.create(agent) as typeof agent, { token: 'wrong' })
  for (const path of ['/claim', '/tasks/1/heartbeat', '/tasks/1/finish'])
    assert.equal((await stranger.post(path, {})).status, 401, path)
})

test('finish refuses files that were not uploaded as listed', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  await system.submitLink()
  await agent.claim()
  const srpm = srpmOf(hello)
  await agent.put(srpm.name, srpm.data)
  const list = listed(srpm)
  for (const files of [
    [{ ...list, sha256: '0'.repeat(64) }],
    [{ ...list, size: list.size + 1 }],
    [list, list],
    [list, { ...list, name: 'other.rpm' }],
  ])
    assert.equal((await agent.finish({ outcome: 'succeeded', files })).status, 400)
  await accepted(await agent.finish({ outcome: 'succeeded', files: [list] }))
})

test('finish refuses failure details that pages could not display', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  await system.submitLink()
  await agent.claim()
  const failed = { outcome: 'failed' as const, reason: 'It failed', files: [] }
  const failure = failureOutsideLogs('network')
  const finish = (change: object) => agent.finish({ ...failed, failure: { ...failure, ...change } })
  assert.equal((await finish({ hint: 'a\u001B[2Jb' })).status, 400)
  assert.equal((await finish({ section: 'x'.repeat(1000) })).status, 400)
  await accepted(await finish({}))
})

test('unsafe file and log names are refused', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  await system.submitLink()
  await agent.claim()
  for (const name of [
    '../x',
    '..',
    '.hidden',
    '-x',
    'a/b',
    'a\0b',
    'a\nb',
    '%2e%2e%2fx',
    'x'.repeat(256),
  ]) {
    const response = await agent.put(name, Buffer.from('x'))
    assert.ok([400, 404].includes(response.status), `${JSON.stringify(name)}: ${response.status}`)
  }
  for (const name of ['../../evil', 'backend.log', 'success', ''])
    assert.equal((await agent.log('x', 0, encodeURIComponent(name))).status, 400, name)
  assert.deepEqual(await readdir(join(system.data_dir, 'staging')), [])
  assert.deepEqual(await readdir(system.data_dir), ['results', 'staging', 'trash', 'uploads'])
})

test('the size of logs and results is limited', async () => {
  await using system = await TestBackend.start({
    limits: { max_log_bytes: 10, max_result_bytes: 1000, max_upload_bytes: 50_000 },
  })
  const agent = await system.agent()
  await system.untilRpmTask(agent, hello)
  assert.equal((await agent.log('12345', 0)).status, 200)
  assert.equal((await agent.log('678901', 5)).status, 413)
  assert.equal((await agent.put('a', Buffer.alloc(900))).status, 200)
  assert.equal((await agent.put('b', Buffer.alloc(200))).status, 413)
})

test('an upload that is not a source package fails the build with a reason', async () => {
  await using system = await TestBackend.start()
  const agent = await system.agent()
  const binary = hello.find(({ name }) => name.endsWith('.noarch.rpm'))
  assert.ok(binary)
  for (const [file, reason] of [
    [{ name: 'x.src.rpm', data: Buffer.from('nonsense') }, /not an RPM|ends within/],
    [{ name: 'x.src.rpm', data: Buffer.alloc(0) }, /empty/],
    [binary, /not a source package/],
  ] as const) {
    const id = await system.submitLink()
    await agent.claim()
    await accepted(await agent.succeed([file]))
    const build = await system.build(id)
    assert.equal(build.state, 'failed')
    assert.match(build.fail_reason ?? '', reason)
  }
})
