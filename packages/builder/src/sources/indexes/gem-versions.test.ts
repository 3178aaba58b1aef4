import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareGemVersions, newestGem, parseGemVersions } from './gem-versions.ts'

/** From older to newer, in the order of `Gem::Version` in RubyGems. */
const ORDER = ['0.9', '1.0.a', '1.0.b2', '1.0.b10', '1.0.rc1', '1', '1.0.1', '1.2', '1.10', '10.0']

for (const [index, older] of ORDER.slice(0, -1).entries())
  test(`the gem version ${older} is older than ${ORDER[index + 1]}`, () => {
    const newer = ORDER[index + 1] ?? ''
    assert.equal(compareGemVersions(older, newer), -1)
    assert.equal(compareGemVersions(newer, older), 1)
  })

test('trailing zeros in a gem version are not significant', () => {
  assert.equal(compareGemVersions('1', '1.0.0'), 0)
})

test('parseGemVersions() returns only the platform-independent versions, with their digests', () => {
  const sha256 = 'ab'.repeat(32)
  const text = `---\n1.0 rack:>= 1&< 3,json:>= 0|checksum:${sha256},ruby:>= 2.5\n1.0-x86_64-linux |checksum:${sha256}\n1.1 |ruby:>= 0\nnonsense\n`
  assert.deepEqual(parseGemVersions(text), [
    { version: '1.0', sha256 },
    { version: '1.1', sha256: undefined },
  ])
})

test('newestGem() prefers a release to a newer prerelease', () => {
  const versions = ['1.2', '1.10', '2.0.rc1'].map((version) => ({ version, sha256: undefined }))
  assert.equal(newestGem(versions)?.version, '1.10')
  assert.equal(newestGem(versions.slice(2))?.version, '2.0.rc1')
  assert.equal(newestGem([]), undefined)
})
