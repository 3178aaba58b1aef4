import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listFiles } from './file-list.ts'
import { readRpmHeader } from './header.ts'
import { findSpec } from './spec-file.ts'
import { makeRpm, type MadeFile } from './testing/make-rpm.ts'

const SPEC: MadeFile = { name: 'hello.spec' }

async function specOf(files: MadeFile[]): Promise<string> {
  const { header } = await readRpmHeader(makeRpm({ files }))
  return findSpec(listFiles(header), 'a.src.rpm')
}

const FOUND: [title: string, files: MadeFile[]][] = [
  ['one spec file', [SPEC]],
  ['other spec files as sources', [{ name: 'a.spec', isSpec: false }, SPEC, { name: 'b' }]],
  ['a hidden spec file as a source', [{ name: '.spec', isSpec: false }, SPEC]],
  ['no flag, as very old ones', [{ ...SPEC, isSpec: false }, { name: 'a.txt' }]],
  [
    'no flag, and a hidden spec file',
    [
      { ...SPEC, isSpec: false },
      { name: '.spec', isSpec: false },
    ],
  ],
]
for (const [title, files] of FOUND)
  test(`findSpec() finds the spec of a package with ${title}`, async () => {
    assert.equal(await specOf(files), 'hello.spec')
  })

const REFUSED: [title: string, files: MadeFile[], message: RegExp][] = [
  ['no spec file', [{ name: 'a' }], /: it contains no spec file$/],
  [
    'two files flagged',
    [SPEC, { name: 'b.spec' }],
    /: it contains 2 files marked as its spec file: "hello\.spec", "b\.spec"$/,
  ],
  [
    'the same file flagged twice',
    [SPEC, SPEC],
    /: it contains 2 files marked as its spec file: "hello\.spec", "hello\.spec"$/,
  ],
  [
    'a spec file and a flagged script',
    [SPEC, { name: 'run.sh', isSpec: true }],
    /: it contains 2 files marked as its spec file: "hello\.spec", "run\.sh"$/,
  ],
  [
    'three spec files and no flag',
    ['a', 'b', 'c'].map((name) => ({ name: `${name}.spec`, isSpec: false })),
    /: it contains 3 spec files, and its header marks none of them: "a\.spec", "b\.spec", "c\.spec"$/,
  ],
  [
    'the flag on another file',
    [
      { ...SPEC, isSpec: false },
      { name: 'run.sh', isSpec: true },
    ],
    /: its spec file is named "run\.sh"; the name must end in \.spec and not begin with a dot$/,
  ],
  [
    'the flag on a hidden file',
    [{ name: '.spec', isSpec: true }],
    /: its spec file is named "\.spec"; the name must end in \.spec and not begin with a dot$/,
  ],
]
for (const [title, files, message] of REFUSED)
  test(`findSpec() refuses a package with ${title}`, async () => {
    await assert.rejects(specOf(files), message)
  })
