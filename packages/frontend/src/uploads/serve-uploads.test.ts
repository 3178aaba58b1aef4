import assert from 'node:assert/strict'
import { test } from 'node:test'
import { directoryUploads } from '@copr/object-store/uploads'
import { helloSrpm, upload } from '../testing/test-builds.ts'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'

test('an upload can be downloaded from the URL recorded in its build', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  await upload(t)
  const { source_json } = await t.db
    .selectFrom('build')
    .select('source_json')
    .executeTakeFirstOrThrow()
  const { pathname } = new URL(String(source_json['url']))
  const response = await t.ask(pathname)
  assert.equal(response.status, 200)
  assert.deepEqual(Buffer.from(await response.arrayBuffer()), (await helloSrpm()).bytes)
})

test('a HEAD request for an upload opens no stream', async () => {
  let reads = 0
  const read = async (): Promise<ReadableStream> => {
    reads++
    return new Blob(['hello']).stream()
  }
  const uploads = { ...directoryUploads('/nowhere'), open: async () => ({ size: 5, read }) }
  await using t = await openTestFrontend({ uploads })
  const path = '/tmp/00000000-0000-0000-0000-000000000000/x.src.rpm'
  const head = await t.ask(path, { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('content-length')], [200, '5'])
  assert.equal(await head.text(), '')
  assert.equal(reads, 0)
  assert.equal(await (await t.ask(path)).text(), 'hello')
})

for (const path of [
  '/tmp/00000000-0000-0000-0000-000000000000/x.src.rpm',
  '/tmp/..%2F..%2Fetc/passwd',
  '/tmp/00000000-0000-0000-0000-000000000000/..%2F..%2Fpasswd',
  '/tmp/00000000-0000-0000-0000-000000000000/%2e%2e',
])
  test(`${path} is not found`, async () => {
    await using t = await openTestFrontend()
    assert.equal((await t.ask(path)).status, 404)
  })
