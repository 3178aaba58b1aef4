import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BuildFailure } from '../build-failure.ts'
import { isFileName, parseSourceList } from './source-list.ts'

const MD5 = 'd41d8cd98f00b204e9800998ecf8427e'
const SHA512 = 'a'.repeat(128)

test('parseSourceList() reads both forms', () => {
  assert.deepEqual(
    parseSourceList(
      `${MD5}  hello-1.0.tar.gz\n\nSHA512 (a b.tar.xz) = ${SHA512}\nMD5 (c.zip) = ${MD5}\n`,
    ),
    [
      { algorithm: 'md5', hex: MD5, fileName: 'hello-1.0.tar.gz' },
      { algorithm: 'sha512', hex: SHA512, fileName: 'a b.tar.xz' },
      { algorithm: 'md5', hex: MD5, fileName: 'c.zip' },
    ],
  )
})

for (const line of [
  'hello',
  `${MD5}`,
  `${MD5}  ../x`,
  `${MD5}  -rf`,
  `${MD5}  .git`,
  `SHA512 (x) = ${MD5}`,
  `${MD5}  a/b`,
])
  test(`parseSourceList() refuses ${JSON.stringify(line.slice(-12))}`, () =>
    assert.throws(() => parseSourceList(line), BuildFailure))

for (const [name, want] of [
  ['a-1.0.tar.gz', true],
  ['a b', true],
  ['..', false],
  ['a\0b', false],
  ['a\nb', false],
  ['', false],
] as const)
  test(`isFileName(${JSON.stringify(name)}) is ${want}`, () => assert.equal(isFileName(name), want))
