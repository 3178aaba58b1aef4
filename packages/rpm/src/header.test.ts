import assert from 'node:assert/strict'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { verifyDigests } from './digests.ts'
import { RpmFormatError } from './errors.ts'
import { extractSrpm } from './extract-srpm.ts'
import { getBinary, getInts, getString, getStrings } from './header-values.ts'
import { readRpmHeader, readRpmHeaderFromBuffer } from './header.ts'
import { packageInfo } from './package-info.ts'
import { readHeaderSignature, readSignedRegion } from './signature.ts'
import { SIGNATURE_TAG, TAG, TYPE } from './tags.ts'
import { int16, int64, makeRpm } from './testing/make-rpm.ts'
import { randomNumbers } from './testing/random.ts'
import { temporaryDirectory } from './testing/real-rpm.ts'
import { binary, int32, strings } from './write-header.ts'

const LIMITS = { maxFiles: 10, maxFileSize: 1_000_000, maxTotalSize: 2_000_000 }
const GOOD = makeRpm({
  files: [
    { name: 'hello.spec', content: 'Name: hello\n' },
    { name: 'a.txt', content: 'some text '.repeat(20) },
  ],
  requires: ['make'],
})
const SIGNATURE = 96

test('readRpmHeader() finds the lead, signature, header and payload of a package', async () => {
  await using dir = await temporaryDirectory()
  const path = join(dir.path, 'a.rpm')
  writeFileSync(path, GOOD)
  const { lead, signature, header, payloadStart, fileSize } = await readRpmHeader(path)
  assert.deepEqual(lead, { isSource: true, name: 'hello' })
  assert.equal(signature.start, SIGNATURE)
  assert.equal(header.start % 8, 0)
  assert.equal(payloadStart, header.start + header.size)
  assert.equal(fileSize, GOOD.length)
  assert.ok(header.isSealed)
  await using handle = await open(path)
  assert.equal((await readRpmHeader(handle)).payloadStart, payloadStart)
})

test('values of every type are read', async () => {
  const entries = [
    { tag: 9001, type: TYPE.INT8, count: 2, data: Buffer.from([1, 255]) },
    int16(9002, [1, 65535]),
    int32(9003, [0xffff_ffff]),
    int64(9004, [1n << 40n]),
    binary(9005, Buffer.from('ab')),
    strings(9006, TYPE.I18NSTRING, ['one', 'eins']),
    strings(9007, TYPE.STRING_ARRAY, ['', 'ü', '']),
  ]
  const { header } = await readRpmHeaderFromBuffer(makeRpm({ headerEntries: entries }))
  assert.deepEqual(getInts(header, 9001), [1, 255])
  assert.deepEqual(getInts(header, 9002), [1, 65535])
  assert.deepEqual(getInts(header, 9003), [0xffff_ffff])
  assert.deepEqual(getInts(header, 9004), [2 ** 40])
  assert.deepEqual(getBinary(header, 9005), Buffer.from('ab'))
  assert.equal(getString(header, 9006), 'one')
  assert.deepEqual(getStrings(header, 9006), ['one', 'eins'])
  assert.deepEqual(getStrings(header, 9007), ['', 'ü', ''])
  assert.deepEqual(
    [getString(header, 1), getStrings(header, 1), getInts(header, 1), getBinary(header, 1)],
    [undefined, [], [], undefined],
  )
  assert.throws(() => getString(header, 9001), /tag 9001 should hold text/)
  assert.throws(() => getInts(header, 9006), /tag 9006 should hold numbers/)
  assert.throws(() => getBinary(header, 9006), /tag 9006 should hold bytes/)
})

const index = (entry: number, field: number): number => SIGNATURE + 16 + entry * 16 + field * 4
const BAD: Record<string, { bytes: Buffer; message: RegExp }> = {
  'an empty file': { bytes: Buffer.alloc(0), message: /it is empty/ },
  zeros: { bytes: Buffer.alloc(500), message: /it is not an RPM package/ },
  text: { bytes: Buffer.from('<html>'.repeat(100)), message: /it is not an RPM package/ },
  'a few words': { bytes: Buffer.from('hello'), message: /it is not an RPM package/ },
  'a lead alone': { bytes: GOOD.subarray(0, 96), message: /it ends within the signature header/ },
  'an old package format': {
    bytes: changed({ 4: 2 << 24 }),
    message: /package format 2 is not supported/,
  },
  'an unknown package type': {
    bytes: changed({ 4: 0x0300_0007 }),
    message: /package type 7 is unknown/,
  },
  'an old signature type': {
    bytes: changed({ 78: 0x0001_0000 }),
    message: /signature type is unknown/,
  },
  'no header magic': {
    bytes: changed({ [SIGNATURE]: 0 }),
    message: /signature header does not start with the magic number/,
  },
  'a huge index': {
    bytes: changed({ [SIGNATURE + 8]: 0xffff_ffff }),
    message: /index count 4294967295 exceeds the limit 65535/,
  },
  'huge data': {
    bytes: changed({ [SIGNATURE + 12]: 0xffff_ffff }),
    message: /data size 4294967295 exceeds the limit 67108864/,
  },
  'more data than the file has': {
    bytes: changed({ [SIGNATURE + 12]: 60_000_000 }),
    message: /it ends within the signature header/,
  },
  'an empty index': {
    bytes: changed({ [SIGNATURE + 8]: 0 }),
    message: /signature header is empty/,
  },
  'a tag twice': {
    bytes: changed({ [index(2, 0)]: SIGNATURE_TAG.SHA1HEADER }),
    message: /tag 269 in the signature header appears twice/,
  },
  'an unknown type': { bytes: changed({ [index(1, 1)]: 10 }), message: /has the unknown type 10/ },
  'type 0': { bytes: changed({ [index(1, 1)]: 0 }), message: /has the unknown type 0/ },
  'an offset outside': {
    bytes: changed({ [index(1, 2)]: 0x7fff_ffff }),
    message: /lies outside the data/,
  },
  'a negative offset': {
    bytes: changed({ [index(1, 2)]: 0xffff_fff0 }),
    message: /lies outside the data/,
  },
  'an overlap': {
    bytes: changed({ [index(2, 2)]: 3 }),
    message: /tag 273 in the signature header overlaps/,
  },
  'no values': { bytes: changed({ [index(1, 3)]: 0 }), message: /has no values/ },
  'a string of two': { bytes: changed({ [index(1, 3)]: 2 }), message: /is a string with 2 values/ },
  'too many values': {
    bytes: changed({ [index(3, 3)]: 0x4000_0000 }),
    message: /has 1073741824 values, more than the limit/,
  },
  'too many bytes': {
    bytes: changed({ [index(5, 3)]: 0xffff_ffff }),
    message: /runs past the data/,
  },
  'an array without end': {
    bytes: changed({ [index(1, 1)]: TYPE.STRING_ARRAY, [index(1, 3)]: 1_000_000 }),
    message: /runs past the data/,
  },
  'a crooked number': { bytes: changed({ [index(3, 2)]: 0x6b }), message: /is not aligned/ },
  'a region of another header': {
    bytes: changed({ [index(0, 0)]: TAG.HEADERIMMUTABLE }),
    message: /region is damaged/,
  },
  'a region of another size': {
    bytes: changed({ [index(0, 3)]: 8 }),
    message: /region is damaged/,
  },
  'a region that starts elsewhere': {
    bytes: changed({ [index(0, 2)]: 0 }),
    message: /region is damaged/,
  },
}
for (const [what, { bytes, message }] of Object.entries(BAD))
  test(`readRpmHeader() refuses ${what}`, async () => {
    await assert.rejects(readRpmHeaderFromBuffer(bytes, 'bad.rpm'), (error: Error) => {
      assert.ok(error instanceof RpmFormatError, String(error))
      assert.match(error.message, message)
      assert.match(error.message, /^Cannot read bad\.rpm: /)
      return true
    })
  })

test('a header with a million empty strings is read without delay', async () => {
  const many = { tag: 9007, type: TYPE.STRING_ARRAY, count: 1 << 20, data: Buffer.alloc(1 << 20) }
  const { header } = await readRpmHeaderFromBuffer(makeRpm({ headerEntries: [many] }))
  assert.equal(getStrings(header, 9007).length, 1 << 20)
})

test('a package truncated at any point is refused', async () => {
  await using dir = await temporaryDirectory()
  const step = 5 // truncates inside the parts as well as at their boundaries
  for (let length = 0; length < GOOD.length; length += length < 300 ? 1 : step)
    assert.equal(
      await useEverything(GOOD.subarray(0, length), dir.path),
      'refused',
      `${length} bytes`,
    )
  assert.equal(await useEverything(GOOD, dir.path), 'accepted')
})

test('a package with changed bytes is read or refused, without any other error', async () => {
  await using dir = await temporaryDirectory()
  const next = randomNumbers(11)
  const outcomes = { refused: 0, accepted: 0 }
  for (let round = 0; round < 2000; round++) {
    const bytes = Buffer.from(GOOD)
    // Most of a package is reserved space, so half of the rounds change only the first 400 bytes.
    const limit = round % 2 === 0 ? bytes.length : 400
    for (let i = 0; i <= round % 3; i++) bytes[next(limit)] = next(256)
    outcomes[await useEverything(bytes, dir.path)]++
  }
  assert.ok(outcomes.refused > 1000, `only ${outcomes.refused} refused`)
})

test('random headers after a valid start are read or refused', async () => {
  await using dir = await temporaryDirectory()
  const next = randomNumbers(12)
  const { header } = await readRpmHeaderFromBuffer(GOOD)
  for (let round = 0; round < 500; round++) {
    const bytes = makeRpm({
      without: [SIGNATURE_TAG.SHA1HEADER, SIGNATURE_TAG.SHA256HEADER, SIGNATURE_TAG.SIZE],
    })
    const start = bytes.indexOf(header.bytes.subarray(0, 8), SIGNATURE + 8)
    for (let i = 0; i < 4; i++) bytes[start + 16 + next(600)] = next(256)
    await useEverything(bytes, dir.path)
  }
})

/** Calls all readers on a package. The test fails on any error other than RpmFormatError, or if a refused package leaves a file behind. */
async function useEverything(bytes: Buffer, dir: string): Promise<'accepted' | 'refused'> {
  let outcome: 'accepted' | 'refused' = 'accepted'
  const attempts = [
    async () => packageInfo(await readRpmHeader(bytes)),
    () => readSignedRegion(bytes),
    () => readHeaderSignature(bytes),
    () => verifyDigests(bytes),
    () => extractSrpm(bytes, dir, LIMITS),
  ]
  for (const attempt of attempts)
    try {
      await attempt()
    } catch (error) {
      assert.ok(error instanceof RpmFormatError, String(error))
      outcome = 'refused'
    }
  for (const name of readdirSync(dir)) {
    assert.equal(outcome, 'accepted', `${name} was extracted from a package that is refused`)
    rmSync(join(dir, name))
  }
  return outcome
}

function changed(words: Record<number, number>): Buffer {
  const bytes = Buffer.from(GOOD)
  for (const [at, value] of Object.entries(words)) bytes.writeUInt32BE(value, Number(at))
  return bytes
}
