import { crc32 } from 'node:zlib'
import { RpmFormatError } from '@copr/rpm/errors'
import { type Compressor, decompress } from '../../../packages/rpm/src/decompress.ts'
import { mutateBytes, type Random } from '../mutate.ts'
import { type FuzzTarget, refusing } from '../target.ts'

const XZ_MAGIC = 'fd377a585a00'
const STREAM_HEADER = 12
const MAX_OUTPUT = 8 * 1024 ** 2

/** Compressed payloads: .xz, or .lzma if the input does not begin with the magic number of .xz. The seeds are in the corpus. */
export const xz: FuzzTarget = {
  name: 'xz',
  words: ['\0\0', '\u0001', '\u007f'],
  seeds: () => [],
  mutate: (input, random) =>
    withChecksums(mutateBytes(input, { random, words: [], other: input }), random),
  run: async (input) => {
    const isXz = input.toString('hex', 0, 6) === XZ_MAGIC
    const compressor: Compressor = isXz ? 'xz' : 'lzma'
    let size = 0
    await refusing(async () => {
      for await (const chunk of decompress(pieces(input), compressor, 'x')) {
        size += chunk.length
        if (chunk.length > MAX_OUTPUT) throw new Error(`${chunk.length} bytes came at once`)
        if (size > MAX_OUTPUT) break
      }
    }, RpmFormatError)
  },
}

async function* pieces(input: Buffer): AsyncGenerator<Buffer> {
  const size = 1 + (input.length % 1009)
  for (let at = 0; at < input.length; at += size) yield input.subarray(at, at + size)
}

/** Corrects the checksums of headers, because nothing after a header with a wrong checksum is read. */
function withChecksums(input: Buffer, random: Random): Buffer {
  if (
    input.toString('hex', 0, 6) !== XZ_MAGIC ||
    input.length < STREAM_HEADER + 8 ||
    random(8) === 0
  )
    return input
  const bytes = Buffer.from(input)
  bytes.writeUInt32LE(crc32(bytes.subarray(6, 8)), 8)
  const size = ((bytes[STREAM_HEADER] ?? 0) + 1) * 4
  const end = STREAM_HEADER + size - 4
  if (end + 4 <= bytes.length) bytes.writeUInt32LE(crc32(bytes.subarray(STREAM_HEADER, end)), end)
  return bytes
}
