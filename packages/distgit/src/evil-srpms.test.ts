import assert from 'node:assert/strict'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type MadeRpm, makeRpm } from '@copr/rpm/testing/make-rpm'
import { importHandler } from './import.ts'
import { fakeContext, importTask, listTree, makeSrpm, tempDir } from './testing.ts'

const limits = {
  max_unpacked_bytes: 100_000,
  max_unpacked_file_bytes: 80_000,
  max_unpacked_files: 50,
}
const spec = { name: 'hello.spec', content: 'Name: hello\n' }

function named(name: string): MadeRpm {
  return { files: [spec, { name, content: 'evil' }] }
}

const cases: [title: string, made: MadeRpm | Buffer, reason: RegExp][] = [
  ['is empty', Buffer.alloc(0), /it is empty/],
  ['is not an RPM', Buffer.from('#!/bin/sh\n'.repeat(100)), /it is not an RPM package/],
  ['is truncated', makeRpm(named('a.txt')).subarray(0, -30), /Cannot read/],
  [
    'is a binary package',
    { ...named('a.txt'), sourceRpm: 'a-1-1.src.rpm' },
    /not a source package/,
  ],
  [
    'belongs to another package',
    { ...named('a.txt'), name: 'other' },
    /the build is for the package hello/,
  ],
  ['has no spec', { files: [{ name: 'a.txt' }] }, /no spec/],
  ['has two specs', named('b.spec'), /2 files marked as its spec file/],
  [
    'marks another file as its spec',
    {
      files: [
        { ...spec, isSpec: false },
        { name: 'a.txt', isSpec: true },
      ],
    },
    /the name must end in \.spec/,
  ],
  ['has a file named sources', named('sources'), /"sources"/],
  ...[
    '../evil',
    '../../../evil',
    '/tmp/copr-distgit-evil',
    'a/b',
    '..',
    '.',
    '.git',
    '.GIT',
    '.git ',
    '.git.',
    '.g\u200cit',
    'a\\.git',
    'GIT~1',
    '-evil',
    'a\nb',
    '',
  ].map((name): (typeof cases)[number] => [`has a file ${JSON.stringify(name)}`, named(name), /./]),
  [
    'has a symlink',
    { files: [spec, { name: 'a', content: '/etc/passwd', mode: 0o120777 }] },
    /regular/,
  ],
  ['has a folder', { files: [spec, { name: 'a', mode: 0o040755 }] }, /regular/],
  ['has a device', { files: [spec, { name: 'a', mode: 0o020644 }] }, /regular/],
  ['has a file twice', { files: [spec, { name: 'a' }, { name: 'a' }] }, /./],
  ['has a file that it does not list', { files: [spec, { name: 'a', isListed: false }] }, /./],
  ['lacks a file that it lists', { files: [spec, { name: 'a', isArchived: false }] }, /lacks/],
  [
    'unpacks to more than is allowed',
    {
      files: [spec, ...['a', 'b'].map((name) => ({ name, content: Buffer.alloc(60_000) }))],
    },
    /its contents have 120\d\d\d bytes up to file "b", the limit is 100000$/,
  ],
  [
    'has a file that is larger than is allowed',
    { files: [spec, { name: 'a', content: Buffer.alloc(90_000) }] },
    /file "a" has 90000 bytes, the limit is 80000$/,
  ],
  [
    'has more files than are allowed',
    { files: [spec, ...Array.from({ length: 50 }, (_, i) => ({ name: `f${i}` }))] },
    /it has more than 50 files$/,
  ],
  [
    'claims to contain a file of 4 GiB',
    { files: [spec, { name: 'a', listedSize: 2 ** 32 - 1, archivedSize: 2 ** 32 - 1 }] },
    /file "a" has 4294967295 bytes, the limit is 80000$/,
  ],
]

for (const [title, made, reason] of cases)
  test(`an SRPM that ${title} fails the build and leaves no file`, async (t) => {
    const parent = await tempDir(t)
    const root = join(parent, 'a', 'b', 'distgit')
    const handler = importHandler({ root, limits })
    const fine = await handler(importTask(), fakeContext(await makeSrpm(t, '1')).context)
    assert.equal(fine.outcome, 'succeeded')
    const before = await listTree(parent)

    const srpm = join(await tempDir(t), 'evil.src.rpm')
    await writeFile(srpm, Buffer.isBuffer(made) ? made : makeRpm(made))
    const outcome = await handler(importTask(), fakeContext(srpm).context)
    assert.ok(outcome.outcome === 'failed')
    assert.match(outcome.reason, /^Cannot (?:read|import) /)
    assert.match(outcome.reason, reason)
    assert.deepEqual(await listTree(parent), before)
  })

test("an import is bounded by its task's quota instead of the configured limit", async (t) => {
  const root = await tempDir(t)
  const handler = importHandler({ root, limits })
  const srpm = await makeSrpm(t, '1')
  const task = importTask({ limits: { max_unpacked_bytes: 100 } })
  const refused = await handler(task, fakeContext(srpm).context)
  assert.ok(refused.outcome === 'failed')
  assert.match(
    refused.reason,
    /its contents have \d+ bytes up to file "hello.spec", the limit is 100$/,
  )
  assert.deepEqual(await listTree(root), [])
})

test('an import that exceeds the limit stops unpacking, and leaves no files behind', async (t) => {
  const root = await tempDir(t)
  const mib = 1024 ** 2
  const handler = importHandler({
    root,
    limits: { max_unpacked_bytes: 8 * mib, max_unpacked_file_bytes: mib, max_unpacked_files: 1000 },
  })
  // An SRPM of 39 KB that unpacks to 128 MiB.
  const files = Array.from({ length: 128 }, (_, i) => ({
    name: `zeros-${i}`,
    content: Buffer.alloc(mib),
  }))
  const srpm = join(await tempDir(t), 'bomb.src.rpm')
  await writeFile(srpm, makeRpm({ files: [spec, ...files], compressor: 'zstd' }))
  assert.ok((await stat(srpm)).size < 40_000)
  const { context, log } = fakeContext(srpm)
  const outcome = await handler(importTask(), context)
  assert.ok(outcome.outcome === 'failed')
  assert.match(
    outcome.reason,
    /its contents have 83\d+ bytes up to file "zeros-7", the limit is 8388608$/,
  )
  assert.equal(log.at(-1), `import.log: ${outcome.reason}\n`)
  assert.deepEqual(await listTree(root), [])
})

test('a spec file of more than 64 MiB fails the build and leaves no file', async (t) => {
  const root = await tempDir(t)
  const large = 100 * 1024 ** 2
  const handler = importHandler({
    root,
    limits: { ...limits, max_unpacked_bytes: large, max_unpacked_file_bytes: large },
  })
  const srpm = join(await tempDir(t), 'spec.src.rpm')
  const content = Buffer.alloc(65 * 1024 ** 2, 'a')
  await writeFile(srpm, makeRpm({ files: [{ name: 'hello.spec', content }] }))
  const outcome = await handler(importTask(), fakeContext(srpm).context)
  assert.ok(outcome.outcome === 'failed')
  assert.match(
    outcome.reason,
    /^Cannot import hello.spec: the spec file has 65 MiB, the limit is 64 MiB$/,
  )
  assert.deepEqual(await listTree(root), [])
})
