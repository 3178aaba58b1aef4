import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeRpm, type MadeFile } from '@copr/rpm/testing/make-rpm'
import { checkSrpm } from './check-srpm.ts'

const LIMITS = { upload_bytes: 1_000_000, unpacked_bytes: 1_000_000, max_unpacked_files: 10 }
const SPEC: MadeFile = { name: 'hello.spec', content: 'Name: hello\n' }

async function check(files: MadeFile[], name = 'hello-1.0-1.src.rpm') {
  const dir = await mkdtemp(join(tmpdir(), 'copr-check-srpm-'))
  try {
    const path = join(dir, name)
    await writeFile(path, makeRpm({ files }))
    return await checkSrpm({ name, path }, LIMITS)
  } finally {
    await rm(dir, { recursive: true })
  }
}

for (const name of ['.clang-format', '.env', '.gitattributes', 'a..b', 'README.md'])
  test(`checkSrpm() accepts a source named ${name}`, async () => {
    const { facts } = await check([SPEC, { name }])
    assert.equal(facts.name, 'hello')
  })

test('checkSrpm() does not count the size of a file that a NoSource tag excludes', async () => {
  const left: MadeFile = { name: 'left.bin', isLeftOut: true, listedSize: 2 ** 31 }
  const { facts } = await check([SPEC, left], 'hello-1.0-1.nosrc.rpm')
  assert.equal(facts.srpm_name, 'hello-1.0-1.nosrc.rpm')
  await assert.rejects(check([SPEC, { ...left, isLeftOut: false }]), /its contents have 2 GiB/)
})

test('checkSrpm() accepts other spec files as sources', async () => {
  await check([{ name: 'a.spec', isSpec: false }, SPEC, { name: 'z.spec', isSpec: false }])
})

const REFUSED: [title: string, files: MadeFile[], reason: RegExp][] = [
  [
    'the name .git',
    [SPEC, { name: '.git' }],
    /the file name "\.git" in it is one that git reserves$/,
  ],
  ['the name .GIT', [SPEC, { name: '.GIT' }], /"\.GIT" in it is one that git reserves$/],
  ['the name ".git "', [SPEC, { name: '.git ' }], /"\.git " in it is one that git reserves$/],
  ['the name ..', [SPEC, { name: '..' }], /"\.\." in it is that of a directory$/],
  ['a path', [SPEC, { name: 'a/b' }], /"a\/b" in it contains '\/'$/],
  ['a newline', [SPEC, { name: 'a\nb' }], /contains a control character$/],
  ['no spec', [{ name: 'a' }], /hello-1\.0-1\.src\.rpm: it contains no spec file$/],
  ['two specs', [SPEC, { name: 'b.spec' }], /: it contains 2 files marked as its spec file/],
  [
    'a spec of another name',
    [
      { ...SPEC, isSpec: false },
      { name: 'run.sh', isSpec: true },
    ],
    /: its spec file is named "run\.sh"; the name must end in \.spec/,
  ],
]
for (const [title, files, reason] of REFUSED)
  test(`checkSrpm() refuses an SRPM with ${title}`, async () => {
    await assert.rejects(check(files), (error: Error) => {
      assert.match(error.message, /^Cannot build hello-1\.0-1\.src\.rpm: /)
      assert.match(error.message, reason)
      return true
    })
  })
