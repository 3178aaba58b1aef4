import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type MadeRpm, makeRpm } from '@copr/rpm/testing/make-rpm'
import { importHandler } from './import.ts'
import { fakeContext, importTask, listTree, makeSrpm, tempDir } from './testing.ts'

const limits = { max_unpacked_bytes: 100_000 }
const spec = { name: 'hello.spec', content: 'Name: hello\n' }

function named(name: string): MadeRpm {
  return { files: [spec, { name, content: 'evil' }] }
}

const cases: [title: string, made: MadeRpm | Buffer, reason: RegExp][] = [
  ['is empty', Buffer.alloc(0), /it is empty/],
  ['is no RPM', Buffer.from('#!/bin/sh\n'.repeat(100)), /it is not an RPM package/],
  ['is truncated', makeRpm(named('a.txt')).subarray(0, -30), /Cannot read/],
  [
    'is a binary package',
    { ...named('a.txt'), sourceRpm: 'a-1-1.src.rpm' },
    /not a source package/,
  ],
  [
    'is another package',
    { ...named('a.txt'), name: 'other' },
    /the build is for the package hello/,
  ],
  ['has no spec', { files: [{ name: 'a.txt' }] }, /no spec/],
  ['has two specs', named('b.spec'), /two spec/],
  ['has a file sources', named('sources'), /"sources"/],
  ...[
    '../evil',
    '../../../evil',
    '/tmp/copr-distgit-evil',
    'a/b',
    '..',
    '.',
    '.git',
    '.gitattributes',
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
    { files: [spec, { name: 'a', content: Buffer.alloc(200_000) }] },
    /./,
  ],
  [
    'claims to be of 4 GiB',
    { files: [spec, { name: 'a', listedSize: 2 ** 32 - 1, archivedSize: 2 ** 32 - 1 }] },
    /./,
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
