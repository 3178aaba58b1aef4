import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BuildFailure } from '../build-failure.ts'
import { parseSourceList } from './source-list.ts'

const MD5 = 'd41d8cd98f00b204e9800998ecf8427e'
const SHA512 = 'a'.repeat(128)

test('parseSourceList() reads both formats', () => {
  assert.deepEqual(
    parseSourceList(
      `${MD5}  hello-1.0.tar.gz\n\nSHA512 (a b.tar.xz) = ${SHA512}\nMD5 (c.zip) = ${MD5}\n${MD5}  .env\n`,
    ),
    [
      { algorithm: 'md5', hex: MD5, fileName: 'hello-1.0.tar.gz' },
      { algorithm: 'sha512', hex: SHA512, fileName: 'a b.tar.xz' },
      { algorithm: 'md5', hex: MD5, fileName: 'c.zip' },
      { algorithm: 'md5', hex: MD5, fileName: '.env' },
    ],
  )
})

test('parseSourceList() reads digests of other lengths, and names with their folder', () => {
  const [sha1, sha256] = ['b'.repeat(40), 'c'.repeat(64)]
  assert.deepEqual(parseSourceList(`${sha1} SOURCES/a.tar.gz\nSHA256 (b) = ${sha256}`, 'SOURCES'), [
    { algorithm: 'sha1', hex: sha1, fileName: 'a.tar.gz' },
    { algorithm: 'sha256', hex: sha256, fileName: 'b' },
  ])
})

for (const line of [
  `SHA256 (x) = ${SHA512}`,
  `${MD5}0  x`,
  'hello',
  `${MD5}`,
  `${MD5}  ../x`,
  `${MD5}  -rf`,
  `${MD5}  .git`,
  `${MD5}  .GIT`,
  `${MD5}  ..`,
  `SHA512 (x) = ${MD5}`,
  `${MD5}  a/b`,
])
  test(`parseSourceList() refuses ${JSON.stringify(line.slice(-12))}`, () =>
    assert.throws(() => parseSourceList(line), BuildFailure))
