import { createHash, type Hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { ByteReader } from './byte-reader.ts'
import { LzmaDecoder } from './lzma-decoder.ts'

const OUTPUT_SIZE = 64 * 1024
const XZ_MAGIC = 'fd377a585a00'
const LZMA2_FILTER = 0x21
/** size of a block's checksum in bytes, indexed by the check type */
const CHECK_SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64]
const CRC32_CHECK = 1
const SHA256_CHECK = 10

/** Decompresses the first .xz stream, as rpm does. Uses at most 1.5 times the maximum dictionary size plus 3 MiB of memory. */
export async function* decompressXz(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const reader = new ByteReader(chunks)
  try {
    const header = await take(reader, 12)
    if (header.toString('hex', 0, 6) !== XZ_MAGIC) throw new Error('it is not in xz format')
    if (header[6] !== 0 || header[7]! > 15) throw new Error('its xz options are unknown')
    if (crc32(header.subarray(6, 8)) !== header.readUInt32LE(8))
      throw new Error('its xz header is wrong')
    for (;;) {
      const dictionarySize = await readBlockHeader(reader)
      if (dictionarySize === undefined) return
      yield* decodeBlock(reader, { dictionarySize, check: header[7]! })
    }
  } finally {
    await reader.close()
  }
}

/** Reads a block's header and returns the size of its dictionary; undefined if there are no more blocks. */
async function readBlockHeader(reader: ByteReader): Promise<number | undefined> {
  const first = await take(reader, 1)
  if (first[0] === 0) return undefined
  const header = Buffer.concat([first, await take(reader, first[0]! * 4 + 3)])
  const end = header.length - 4
  if (crc32(header.subarray(0, end)) !== header.readUInt32LE(end))
    throw new Error('a block header is wrong')
  const flags = header[1]!
  let at = 2
  if (flags & 0x40) at = skipNumber(header, at)
  if (flags & 0x80) at = skipNumber(header, at)
  const isLzma2 = (flags & 0x3f) === 0 && header[at] === LZMA2_FILTER && header[at + 1] === 1
  if (!isLzma2) throw new Error('its xz filters are not supported')
  return dictionarySizeOf(header[at + 2]!)
}

function skipNumber(header: Buffer, at: number): number {
  let end = at
  while (end < header.length && header[end]! >= 0x80) end++
  return end + 1
}

function dictionarySizeOf(bits: number): number {
  if (bits >= 40) return 0xffff_ffff
  return (2 | (bits & 1)) * 2 ** ((bits >> 1) + 11)
}

async function* decodeBlock(
  reader: ByteReader,
  { dictionarySize, check }: { dictionarySize: number; check: number },
): AsyncGenerator<Buffer> {
  const start = reader.taken
  const sum = new BlockCheck(check)
  for await (const plain of decodeLzma2(reader, dictionarySize)) {
    sum.update(plain)
    yield plain
  }
  const padding = await take(reader, -(reader.taken - start) & 3)
  if (padding.some((byte) => byte !== 0)) throw new Error('its padding is wrong')
  sum.finish(await take(reader, CHECK_SIZES[check]!))
}

/** Verifies CRC32 and SHA-256. CRC64 is not verified, because Node does not provide it; rpm's own digests cover the payload anyway. */
class BlockCheck {
  readonly #check: number
  #crc = 0
  readonly #sha256: Hash = createHash('sha256')

  constructor(check: number) {
    this.#check = check
  }

  update(bytes: Buffer): void {
    if (this.#check === CRC32_CHECK) this.#crc = crc32(bytes, this.#crc)
    if (this.#check === SHA256_CHECK) this.#sha256.update(bytes)
  }

  finish(expected: Buffer): void {
    const isCrcWrong = this.#check === CRC32_CHECK && expected.readUInt32LE(0) !== this.#crc
    const isShaWrong = this.#check === SHA256_CHECK && !this.#sha256.digest().equals(expected)
    if (isCrcWrong || isShaWrong) throw new Error('a block does not match its checksum')
  }
}

async function* decodeLzma2(reader: ByteReader, dictionarySize: number): AsyncGenerator<Buffer> {
  const decoder = new LzmaDecoder(dictionarySize)
  let needsDictionaryReset = true
  let needsProperties = true
  for (;;) {
    const control = (await take(reader, 1))[0]!
    if (control === 0) return
    if (control > 2 && control < 0x80) throw new Error(`it has the unknown chunk ${control}`)
    const resetsDictionary = control === 1 || control >= 0xe0
    if (needsDictionaryReset && !resetsDictionary) throw new Error('it starts without a dictionary')
    if (resetsDictionary) decoder.resetDictionary()
    needsDictionaryReset = false
    if (control < 0x80) {
      yield* storedChunk(reader, decoder)
      continue
    }
    if (needsProperties && control < 0xc0) throw new Error('it starts without properties')
    needsProperties = false
    yield* compressedChunk(reader, decoder, control)
  }
}

async function* storedChunk(reader: ByteReader, decoder: LzmaDecoder): AsyncGenerator<Buffer> {
  const plain = await take(reader, (await take(reader, 2)).readUInt16BE(0) + 1)
  decoder.store(plain)
  yield plain
}

async function* compressedChunk(
  reader: ByteReader,
  decoder: LzmaDecoder,
  control: number,
): AsyncGenerator<Buffer> {
  const sizes = await take(reader, 4)
  let missing = ((control & 0x1f) << 16) + sizes.readUInt16BE(0) + 1
  const packedSize = sizes.readUInt16BE(2) + 1
  if (control >= 0xc0) decoder.setProperties((await take(reader, 1))[0]!)
  else if (control >= 0xa0) decoder.resetState()
  const packed = await take(reader, packedSize)
  if (packed.length < 5) throw new Error('a chunk is too small')
  decoder.startRange(packed)
  decoder.feed(packed.subarray(5))
  while (missing > 0) {
    const plain = decoder.decode(Math.min(missing, OUTPUT_SIZE), true)
    if (plain.length === 0) throw new Error('a chunk ends too early')
    missing -= plain.length
    yield plain
  }
  if (!decoder.isInputDone) throw new Error('a chunk ends too late')
}

/** Decompresses the older .lzma format, which has no checksums. */
export async function* decompressLzma(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const reader = new ByteReader(chunks)
  try {
    const header = await take(reader, 13)
    const decoder = new LzmaDecoder(header.readUInt32LE(1))
    decoder.setProperties(header[0]!)
    decoder.startRange(await take(reader, 5))
    const size = header.readBigUInt64LE(5)
    const isSizeKnown = size !== 0xffff_ffff_ffff_ffffn
    let missing = isSizeKnown ? Number(size) : Infinity
    let isComplete = false
    while (missing > 0 && !decoder.isEnded) {
      const plain = decoder.decode(Math.min(missing, OUTPUT_SIZE), isComplete)
      missing -= plain.length
      if (plain.length > 0) yield plain
      else if (!decoder.isEnded) isComplete = !(await feedMore(reader, decoder))
    }
    if (isSizeKnown && missing > 0) throw new Error('it ends too early')
  } finally {
    await reader.close()
  }
}

async function feedMore(reader: ByteReader, decoder: LzmaDecoder): Promise<boolean> {
  const some = await reader.takeSome(OUTPUT_SIZE)
  if (some) decoder.feed(some)
  return some !== undefined
}

async function take(reader: ByteReader, length: number): Promise<Buffer> {
  const bytes = await reader.take(length)
  if (!bytes) throw new Error('its compressed data is truncated')
  return bytes
}
