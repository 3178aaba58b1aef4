import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeRpm, type MadeFile, type MadeRpm } from '@copr/rpm/testing/make-rpm'
import { verifyResults } from './verify.ts'

const EXPECTED = { package_name: 'hello', arch: 'x86_64' }
const SPEC: MadeFile = { name: 'hello.spec' }
const LEFT: MadeFile = { name: 'left.bin', isLeftOut: true }
const BUILT = 'hello-1.0-1.noarch.rpm'

async function verify(made: Record<string, MadeRpm>) {
  const dir = await mkdtemp(join(tmpdir(), 'copr-verify-'))
  try {
    const files = Object.keys(made).map((name) => ({ name, size: 1, sha256: '' }))
    return await verifyResults(files, EXPECTED, async (name, use) => {
      const path = join(dir, name)
      await writeFile(path, makeRpm(made[name]))
      return await use(path)
    })
  } finally {
    await rm(dir, { recursive: true })
  }
}

const SRC = 'hello-1.0-1.src.rpm'
const NOSRC = 'hello-1.0-1.nosrc.rpm'
const CASES: [title: string, made: Record<string, MadeRpm>, verdict: RegExp][] = [
  ['a package and its SRPM', { [SRC]: { files: [SPEC] }, [BUILT]: { sourceRpm: SRC } }, /^ok$/],
  [
    'a package and its .nosrc.rpm',
    { [NOSRC]: { files: [SPEC, LEFT] }, [BUILT]: { sourceRpm: NOSRC } },
    /^ok$/,
  ],
  [
    'packages of format 6',
    { [SRC]: { files: [SPEC], format: 6 }, [BUILT]: { sourceRpm: SRC, format: 6 } },
    /^ok$/,
  ],
  [
    'an SRPM that calls itself .src.rpm but leaves a file out',
    { [SRC]: { files: [SPEC, LEFT] }, [BUILT]: { sourceRpm: SRC } },
    /^Cannot accept hello-1\.0-1\.src\.rpm: its header is that of hello-1\.0-1\.nosrc\.rpm$/,
  ],
  [
    'a package of another SRPM',
    { [NOSRC]: { files: [SPEC, LEFT] }, [BUILT]: { sourceRpm: SRC } },
    /^Cannot accept hello-1\.0-1\.noarch\.rpm: it was built from hello-1\.0-1\.src\.rpm$/,
  ],
]
for (const [title, made, expected] of CASES)
  test(`verifyResults() judges ${title}`, async () => {
    const verdict = await verify(made)
    assert.match(verdict.ok ? 'ok' : verdict.reason, expected)
  })
