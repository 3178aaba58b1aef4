import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { suite, test } from 'node:test'
import { decompress } from './decompress.ts'
import { RpmFormatError } from './errors.ts'
import { missingTools } from './testing/real-rpm.ts'
import { randomNumbers } from './testing/random.ts'

const SIZE = 400_000
const CONTENTS = {
  text: text(),
  random: random(),
  zeros: Buffer.alloc(3_000_000),
  empty: Buffer.alloc(0),
}
const XZ_OPTIONS = [
  ['-9'],
  ['-0', '--check=crc32'],
  ['--check=sha256'],
  ['--check=none', '--block-size=100KiB'],
  ['-T2', '--block-size=64KiB'],
  ['--lzma2=dict=4KiB,lc=0,lp=4,pb=0'],
  ['--lzma2=preset=6,lc=4,lp=0,pb=4,nice=273'],
]
const LZMA_OPTIONS = [['-9'], ['-0'], ['--lzma1=dict=4KiB,lc=4,lp=0,pb=4'], ['--lzma1=lc=0,pb=0']]

suite('xz and lzma', { skip: missingTools('xz') }, () => {
  for (const [name, content] of Object.entries(CONTENTS)) {
    for (const options of XZ_OPTIONS)
      test(`the output of xz ${options.join(' ')} is decompressed: ${name}`, async () => {
        const packed = xz(content, options)
        assert.ok((await unpack(packed, 'xz')).equals(content))
      })
    for (const options of LZMA_OPTIONS)
      test(`the output of lzma ${options.join(' ')} is decompressed: ${name}`, async () => {
        const packed = xz(content, ['--format=lzma', ...options])
        assert.ok((await unpack(packed, 'lzma')).equals(content))
      })
  }

  test('xz data that needs a dictionary beyond the limit is refused', async () => {
    const packed = xz(Buffer.from('x'), ['--lzma2=dict=128MiB'])
    await assert.rejects(
      unpack(packed, 'xz'),
      /dictionary of 134217728 bytes, the limit is 67108864/,
    )
  })

  test('truncation of xz and lzma data at any point is detected', async () => {
    for (const format of ['xz', 'lzma'] as const) {
      const packed = xz(text().subarray(0, 3000), [`--format=${format}`])
      const end = format === 'xz' ? packed.length - 28 : packed.length - 4
      for (let length = 0; length < end; length += 3)
        await assert.rejects(
          unpack(packed.subarray(0, length), format),
          RpmFormatError,
          `${format} ${length}`,
        )
    }
  })

  test('damaged xz and lzma data causes no error other than RpmFormatError', async () => {
    const next = randomNumbers(7)
    for (const format of ['xz', 'lzma'] as const) {
      const packed = xz(text().subarray(0, 5000), [`--format=${format}`])
      for (let round = 0; round < 300; round++) {
        const damaged = Buffer.from(packed)
        for (let i = 0; i < 3; i++) damaged[next(damaged.length)] = next(256)
        await unpack(damaged, format).catch((error) =>
          assert.ok(error instanceof RpmFormatError, error),
        )
      }
    }
  })
})

function xz(content: Buffer, options: string[]): Buffer {
  return execFileSync('xz', [...options, '--stdout'], { input: content, maxBuffer: 1 << 26 })
}

/**
 * Decompresses input in pieces of 997 bytes, so that the boundaries fall within fields and blocks; stops at 32 MiB of output, which is more
 * than any test produces.
 */
async function unpack(packed: Buffer, format: 'xz' | 'lzma'): Promise<Buffer> {
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < packed.length; at += 997) yield packed.subarray(at, at + 997)
  }
  const parts: Buffer[] = []
  let size = 0
  for await (const part of decompress(pieces(), format, 'test')) {
    parts.push(part)
    if ((size += part.length) > 1 << 25) throw new RpmFormatError('too much')
  }
  return Buffer.concat(parts)
}

function text(): Buffer {
  const next = randomNumbers(1)
  const words = Array.from({ length: SIZE / 8 }, () => `word${next(3000)} `)
  return Buffer.from(words.join(''))
}

function random(): Buffer {
  const next = randomNumbers(2)
  return Buffer.from(Array.from({ length: SIZE }, () => next(256)))
}
