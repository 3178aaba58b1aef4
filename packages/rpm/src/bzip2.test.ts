import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { suite, test } from 'node:test'
import { decompress } from './decompress.ts'
import { RpmFormatError } from './errors.ts'
import { readPayload } from './payload.ts'
import { TAG, TYPE } from './tags.ts'
import { makeRpm } from './testing/make-rpm.ts'
import { randomNumbers } from './testing/random.ts'
import { missingTools } from './testing/real-rpm.ts'
import { strings } from './write-header.ts'

/** `hello` and a newline, compressed with bzip2. */
const HELLO = Buffer.from('QlpoOTFBWSZTWcHAgOIAAAFBAAAQAkSgADDNAMNGKZcXckU4UJDBwIDi', 'base64')
/** A decompression bomb: 64 MiB of zeros, compressed with bzip2. */
const BOMB = Buffer.from(
  'QlpoOTFBWSZTWQ4J4t8BX45AAMAAAAggADCATUZCoCWpCoCXMUFZJlNZvAS1wwCidcAAwAAACCAAIKQINjKKiE0qKiE4u5IpwoSFALuD6A==',
  'base64',
)
const MEGABYTE = 1024 * 1024
const LIMITS = { maxFiles: 10, maxFileSize: MEGABYTE, maxTotalSize: MEGABYTE }
const CONTENTS = {
  empty: Buffer.alloc(0),
  'one byte': Buffer.from('a'),
  'every byte': Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
  'runs of 1 to 600': Buffer.concat(Array.from({ length: 600 }, (_, i) => Buffer.alloc(i, i & 1))),
  zeros: Buffer.alloc(3_000_000),
  text: text(),
  random: random(),
}

test('a bzip2 stream is decompressed, and what follows it is not read', async () => {
  assert.equal((await unpack(HELLO)).toString(), 'hello\n')
  assert.equal((await unpack(Buffer.concat([HELLO, HELLO]))).toString(), 'hello\n')
})

suite('bzip2', { skip: missingTools('bzip2') }, () => {
  for (const [name, content] of Object.entries(CONTENTS))
    for (const level of ['-1', '-9'])
      test(`the output of bzip2 ${level} is decompressed: ${name}`, async () => {
        assert.ok((await unpack(bzip2(content, level))).equals(content))
      })
})

test('truncation of a bzip2 stream at any point is detected', async () => {
  for (let length = 0; length < HELLO.length; length++)
    await assert.rejects(unpack(HELLO.subarray(0, length)), RpmFormatError, String(length))
})

test('a change of any bit of a bzip2 stream is detected, or does not change the contents', async () => {
  for (let bit = 32; bit < HELLO.length * 8 - 7; bit++) {
    const damaged = Buffer.from(HELLO)
    damaged[bit >> 3]! ^= 0x80 >> (bit & 7)
    const outcome = await unpack(damaged).catch((error: unknown) => error)
    // The damaged bit may be in the second code table, which is unused.
    if (outcome instanceof Buffer) assert.equal(outcome.toString(), 'hello\n', `bit ${bit}`)
    else assert.ok(outcome instanceof RpmFormatError, `bit ${bit}: ${String(outcome)}`)
  }
})

test('damaged bzip2 data causes no error other than RpmFormatError', async () => {
  const next = randomNumbers(7)
  for (const packed of [HELLO, BOMB])
    for (let round = 0; round < 300; round++) {
      const damaged = Buffer.from(packed)
      for (let i = 0; i < 3; i++) damaged[4 + next(damaged.length - 4)] = next(256)
      await unpack(damaged, MEGABYTE).catch((error) =>
        assert.ok(error instanceof RpmFormatError, error),
      )
    }
})

const BAD: [title: string, packed: Buffer, message: RegExp][] = [
  ['another format', Buffer.from('hello world'), /it is not in bzip2 format/],
  ['level 0', replaced(HELLO, 3, '0'), /it is not in bzip2 format/],
  ['the format before 1997', replaced(HELLO, 2, '0'), /it is not in bzip2 format/],
  ['a bit for randomized blocks', replaced(HELLO, 14, '\u0080'), /randomized/],
  ['endless codes of one table', endlessTable(), /truncated|a code of/],
]
for (const [title, packed, message] of BAD)
  test(`bzip2 data with ${title} is refused`, async () => {
    await assert.rejects(unpack(packed), message)
  })

test('decompression of a bzip2 bomb stops at the size limit of the contents', async () => {
  const rpm = makeRpm({
    files: [{ name: 'hello.spec' }],
    payload: BOMB,
    headerEntries: [strings(TAG.PAYLOADCOMPRESSOR, TYPE.STRING, ['bzip2'])],
  })
  await assert.rejects(
    readPayload(rpm, LIMITS, async () => undefined),
    /its payload is not a cpio archive/,
  )
  let read = 0
  for await (const part of decompress(oneChunk(BOMB), 'bzip2', 'test'))
    if ((read += part.length) > MEGABYTE) break
  assert.ok(read < 2 * MEGABYTE)
})

function replaced(packed: Buffer, at: number, byte: string): Buffer {
  return Buffer.concat([
    packed.subarray(0, at),
    Buffer.from(byte, 'latin1'),
    packed.subarray(at + 1),
  ])
}

/**
 * Returns a block that increments and decrements its first code length for 4 MiB, so that it exceeds the maximum compressed size of a
 * block.
 */
function endlessTable(): Buffer {
  const start = [...Buffer.from('BZh9')].map((byte) => bitsOf(byte, 8)).join('')
  const block = `${bitsOf(0x314159, 24)}${bitsOf(0x265359, 24)}${bitsOf(0, 32)}${bitsOf(0, 25)}`
  const used = `${bitsOf(0x8000, 16)}${bitsOf(0x8000, 16)}`
  const tables = `${bitsOf(2, 3)}${bitsOf(1, 15)}0${bitsOf(5, 5)}`
  const bits = start + block + used + tables
  const padded = `${bits}${'1011'.repeat(8)}`.slice(0, Math.ceil(bits.length / 8) * 8)
  const head = Buffer.from(padded.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2)))
  const phase = (Math.ceil(bits.length / 8) * 8 - bits.length) % 4
  const cycle = '1011'.repeat(3).slice(phase, phase + 8)
  return Buffer.concat([head, Buffer.alloc(4 * MEGABYTE, Number.parseInt(cycle, 2))])
}

function bitsOf(value: number, count: number): string {
  return value.toString(2).padStart(count, '0')
}

function bzip2(content: Buffer, level: string): Buffer {
  return execFileSync('bzip2', [level, '--stdout'], { input: content, maxBuffer: 1 << 26 })
}

async function* oneChunk(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

/** Decompresses input in pieces of 997 bytes, so that the boundaries fall within fields and blocks; stops after `limit` bytes of output. */
async function unpack(packed: Buffer, limit = 32 * MEGABYTE): Promise<Buffer> {
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < packed.length; at += 997) yield packed.subarray(at, at + 997)
  }
  const parts: Buffer[] = []
  let size = 0
  for await (const part of decompress(pieces(), 'bzip2', 'test')) {
    parts.push(part)
    if ((size += part.length) > limit) throw new RpmFormatError('too much')
  }
  return Buffer.concat(parts)
}

/** Returns text that fills more than one block at any compression level. */
function text(): Buffer {
  const next = randomNumbers(1)
  return Buffer.from(Array.from({ length: 150_000 }, () => `word${next(3000)} `).join(''))
}

function random(): Buffer {
  const next = randomNumbers(2)
  return Buffer.from(Array.from({ length: 400_000 }, () => next(256)))
}
