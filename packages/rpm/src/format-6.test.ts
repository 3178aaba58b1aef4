import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { verifyDigests } from './digests.ts'
import { RpmFormatError } from './errors.ts'
import { extractSrpm } from './extract-srpm.ts'
import { LEAD_SIZE, readRpmHeader } from './header.ts'
import { readPackageInfo } from './package-info.ts'
import { deleteSignatures, readHeaderSignature, writeHeaderSignature } from './signature.ts'
import { SIGNATURE_TAG, TAG, TYPE } from './tags.ts'
import { makeRpm, type MadeFile, type MadeRpm } from './testing/make-rpm.ts'
import { temporaryDirectory } from './testing/real-rpm.ts'
import { strings } from './write-header.ts'

const LIMITS = { maxFiles: 10, maxFileSize: 1_000_000, maxTotalSize: 2_000_000 }
const FILES: MadeFile[] = [
  { name: 'hello.spec', content: 'Name: hello\n' },
  { name: '.clang-format', content: 'abc' },
  { name: 'hello.tar', content: 'x'.repeat(5001) },
]
const FORMAT_6: MadeRpm = { format: 6, files: FILES, compressor: 'zstd', requires: ['make'] }
/** An OpenPGP packet that contains an RSA signature; the signature is not valid. */
const PACKET = Buffer.from([0x88, 4, 4, 0, 1, 8])

test('a source package of format 6 is read, verified and unpacked', async () => {
  await using dir = await temporaryDirectory()
  const bytes = makeRpm(FORMAT_6)
  const info = await readPackageInfo(bytes)
  assert.equal(info.fileName, 'hello-1.0-1.src.rpm')
  assert.equal(info.size, 0)
  assert.deepEqual(
    info.requires.map(({ name }) => name),
    ['make'],
  )
  assert.deepEqual(await verifyDigests(bytes), [
    'header-sha256',
    'header-sha3-256',
    'payload',
    'payload-sha512',
    'payload-sha3-256',
  ])
  const { spec, files } = await extractSrpm(bytes, dir.path, LIMITS)
  assert.equal(spec, 'hello.spec')
  assert.deepEqual(
    files.map(({ name, size }) => [name, size]),
    [
      ['hello.spec', 12],
      ['.clang-format', 3],
      ['hello.tar', 5001],
    ],
  )
  assert.equal(readFileSync(join(dir.path, '.clang-format'), 'utf8'), 'abc')
})

const WRONG: [title: string, rpm: MadeRpm, message: RegExp][] = [
  [
    'SHA3-256 of the header',
    {
      signatureEntries: [strings(SIGNATURE_TAG.SHA3_256HEADER, TYPE.STRING, ['0'.repeat(64)])],
    },
    /its header does not match the sha3-256 digest$/,
  ],
  [
    'SHA-256 of the payload',
    { headerEntries: [strings(TAG.PAYLOADDIGEST, TYPE.STRING_ARRAY, ['0'.repeat(64)])] },
    /its payload does not match the payload digest$/,
  ],
  [
    'SHA-512 of the payload',
    { headerEntries: [strings(TAG.PAYLOADSHA512, TYPE.STRING, ['0'.repeat(128)])] },
    /its payload does not match the SHA-512 digest$/,
  ],
  [
    'SHA3-256 of the payload',
    { headerEntries: [strings(TAG.PAYLOADSHA3_256, TYPE.STRING, ['0'.repeat(64)])] },
    /its payload does not match the SHA3-256 digest$/,
  ],
]
for (const [title, rpm, message] of WRONG)
  test(`a package of format 6 with a wrong ${title} is refused`, async () => {
    await using dir = await temporaryDirectory()
    const bytes = makeRpm({ ...FORMAT_6, ...rpm })
    for (const reading of [verifyDigests(bytes), extractSrpm(bytes, dir.path, LIMITS)])
      await assert.rejects(reading, (error: Error) => {
        assert.ok(error instanceof RpmFormatError)
        assert.match(error.message, message)
        return true
      })
  })

/** Signs a package, and returns the tags of its signature header. */
async function signedTags(path: string): Promise<number[]> {
  await writeHeaderSignature(path, PACKET, 'rsa')
  assert.deepEqual(await readHeaderSignature(path), PACKET)
  const verified = await verifyDigests(path)
  assert.ok(verified.includes('header-sha3-256') && verified.includes('payload-sha512'))
  const { signature } = await readRpmHeader(path)
  return [...signature.tags]
}

for (const [title, damage] of [
  ['as it was made', (bytes: Buffer) => bytes],
  [
    'whose signature header was damaged by an interrupted write',
    (bytes: Buffer) => bytes.fill(0xff, LEAD_SIZE + 16, LEAD_SIZE + 64),
  ],
] as const)
  test(`a package of format 6, ${title}, gets no signature tag above 999`, async () => {
    await using dir = await temporaryDirectory()
    const path = join(dir.path, 'a.rpm')
    writeFileSync(path, damage(makeRpm(FORMAT_6)))
    const { HEADERSIGNATURES, RSAHEADER, SHA256HEADER, SHA3_256HEADER, RESERVED } = SIGNATURE_TAG
    const tags = [HEADERSIGNATURES, RSAHEADER, SHA256HEADER, SHA3_256HEADER, RESERVED]
    assert.deepEqual(await signedTags(path), tags)
    await deleteSignatures(path)
    assert.equal(await readHeaderSignature(path), undefined)
  })
