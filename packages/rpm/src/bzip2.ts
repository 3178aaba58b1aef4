import { BitReader } from './bit-reader.ts'
import { ByteReader } from './byte-reader.ts'

const OUTPUT_SIZE = 64 * 1024
/** Maximum compressed size of a block. No compressor needs that much for a block, which holds at most 900,000 bytes. */
const MAX_PACKED_BLOCK = 3 * 1024 * 1024
const BLOCK_MAGIC = 0x314159265359
const END_MAGIC = 0x177245385090
const GROUP_SIZE = 50
const MAX_SELECTORS = 18_002
const MAX_CODE_LENGTH = 20
const RUN_B = 1
const CRC_TABLE = makeCrcTable()

/** Decompresses the first .bz2 stream, as rpm does; uses at most 11 MiB of memory. */
export async function* decompressBzip2(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const reader = new ByteReader(chunks)
  try {
    const level = levelOf(await reader.take(4))
    const decoder = new BlockDecoder(level * 100_000)
    let bits = new BitReader(Buffer.alloc(0))
    let isComplete = false
    for (let sum = 0; ;) {
      if (!isComplete && bits.bytesLeft < MAX_PACKED_BLOCK) {
        const more = await takeUpTo(reader, 2 * MAX_PACKED_BLOCK - bits.bytesLeft)
        isComplete = bits.bytesLeft + more.length < 2 * MAX_PACKED_BLOCK
        bits = bits.append(more)
      }
      const magic = bits.take(24) * 2 ** 24 + bits.take(24)
      const expected = take32(bits)
      if (magic === END_MAGIC) {
        if (expected !== sum) throw new Error('its bzip2 data does not match its checksum')
        return
      }
      if (magic !== BLOCK_MAGIC) throw new Error('a bzip2 block is wrong')
      decoder.read(bits)
      yield* decoder.write(expected)
      sum = ((sum << 1) | (sum >>> 31)) ^ expected
    }
  } finally {
    await reader.close()
  }
}

function levelOf(header: Buffer | undefined): number {
  const level = /^BZh([1-9])$/.exec(header?.toString('latin1') ?? '')?.[1]
  if (level === undefined) throw new Error('it is not in bzip2 format')
  return Number(level)
}

/** Returns `length` bytes, or fewer at the end. */
async function takeUpTo(reader: ByteReader, length: number): Promise<Buffer> {
  const parts: Buffer[] = []
  for (let missing = length; missing > 0;) {
    const part = await reader.takeSome(missing)
    if (!part) break
    parts.push(part)
    missing -= part.length
  }
  return Buffer.concat(parts)
}

function take32(bits: BitReader): number {
  return (bits.take(16) << 16) | bits.take(16)
}

/** Decodes one block after another, reusing the same memory. */
class BlockDecoder {
  readonly #limit: number
  /** lower 8 bits: the bytes of the block; upper 24 bits: the index at which the text continues */
  readonly #next: Uint32Array
  #length = 0
  #start = 0

  constructor(limit: number) {
    this.#limit = limit
    this.#next = new Uint32Array(limit)
  }

  /** Reads a block; its checksum has already been read. */
  read(bits: BitReader): void {
    if (bits.take(1) === 1) throw new Error('its bzip2 blocks are randomized, as before 1998')
    const start = bits.take(24)
    const counts = this.#readSymbols(bits)
    if (start >= this.#length) throw new Error('a bzip2 block starts outside itself')
    const next = this.#next
    for (let byte = 0, sum = 0; byte < 256; byte++) {
      const count = counts[byte]!
      counts[byte] = sum
      sum += count
    }
    for (let i = 0; i < this.#length; i++) {
      const at = counts[next[i]! & 0xff]!++
      next[at] = (next[at]! | (i << 8)) >>> 0
    }
    this.#start = next[start]! >>> 8
  }

  /** Stores the bytes of the block, still in the order that the Burrows-Wheeler transform gave them; returns how often each byte occurs. */
  #readSymbols(bits: BitReader): Uint32Array {
    const used = readUsedBytes(bits)
    const codes = new CodeReader(bits, used.length + 2)
    const counts = new Uint32Array(256)
    const end = used.length + 1
    let length = 0
    let run = 0
    let weight = 1
    for (;;) {
      const symbol = codes.take()
      if (symbol <= RUN_B) {
        run += weight << symbol
        weight *= 2
        if (run > this.#limit) throw new Error('a bzip2 block is too large')
        continue
      }
      if (run > 0) {
        if (length + run > this.#limit) throw new Error('a bzip2 block is too large')
        const byte = used[0]!
        this.#next.fill(byte, length, length + run)
        counts[byte]! += run
        length += run
        run = 0
        weight = 1
      }
      if (symbol === end) break
      if (length >= this.#limit) throw new Error('a bzip2 block is too large')
      const byte = moveToFront(used, symbol - 1)
      counts[byte]!++
      this.#next[length++] = byte
    }
    this.#length = length
    return counts
  }

  /** Yields the text of the block; throws if the text does not match its checksum. */
  *write(expected: number): Generator<Buffer> {
    const next = this.#next
    let out = Buffer.allocUnsafe(OUTPUT_SIZE)
    let filled = 0
    let crc = -1
    let at = this.#start
    let last = -1
    let equal = 0
    for (let i = 0; i < this.#length; i++) {
      const entry = next[at]!
      const byte = entry & 0xff
      at = entry >>> 8
      // After four equal bytes, the next byte gives the number of further repetitions.
      const isCount = equal === 4
      const repeat = isCount ? byte : 1
      if (isCount) equal = 0
      else {
        equal = byte === last ? equal + 1 : 1
        last = byte
      }
      for (let n = 0; n < repeat; n++) {
        out[filled++] = last
        crc = (crc << 8) ^ CRC_TABLE[(crc >>> 24) ^ last]!
        if (filled < OUTPUT_SIZE) continue
        yield out
        out = Buffer.allocUnsafe(OUTPUT_SIZE)
        filled = 0
      }
      if (isCount) last = -1
    }
    if (filled > 0) yield out.subarray(0, filled)
    if (~crc !== expected) throw new Error('a bzip2 block does not match its checksum')
  }
}

function readUsedBytes(bits: BitReader): number[] {
  const groups = bits.take(16)
  const used: number[] = []
  for (let group = 0; group < 16; group++) {
    if ((groups & (0x8000 >> group)) === 0) continue
    const members = bits.take(16)
    for (let i = 0; i < 16; i++) if (members & (0x8000 >> i)) used.push(group * 16 + i)
  }
  if (used.length === 0) throw new Error('a bzip2 block uses no bytes')
  return used
}

function moveToFront(list: number[], index: number): number {
  const value = list[index]!
  for (let i = index; i > 0; i--) list[i] = list[i - 1]!
  list[0] = value
  return value
}

/** Reads symbols encoded with prefix codes; after every 50 symbols, the code table may change. */
class CodeReader {
  readonly #bits: BitReader
  readonly #tables: CodeTable[]
  readonly #selectors: number[]
  #group = -1
  #left = 0
  #table: CodeTable

  constructor(bits: BitReader, symbolCount: number) {
    this.#bits = bits
    const tableCount = bits.take(3)
    if (tableCount < 2 || tableCount > 6)
      throw new Error(`a bzip2 block has ${tableCount} code tables`)
    this.#selectors = readSelectors(bits, tableCount)
    this.#tables = Array.from({ length: tableCount }, () => readTable(bits, symbolCount))
    this.#table = this.#tables[0]!
  }

  take(): number {
    if (this.#left-- === 0) this.#selectTable()
    const { limits, offsets, symbols, shortest } = this.#table
    const code = this.#bits.peek(MAX_CODE_LENGTH)
    for (let length = shortest; length <= MAX_CODE_LENGTH; length++) {
      const prefix = code >>> (MAX_CODE_LENGTH - length)
      if (prefix >= limits[length]!) continue
      this.#bits.skip(length)
      return symbols[prefix + offsets[length]!]!
    }
    throw new Error('a bzip2 block contains an unknown code')
  }

  #selectTable(): void {
    const selector = this.#selectors[++this.#group]
    if (selector === undefined) throw new Error('a bzip2 block has too few selectors')
    this.#table = this.#tables[selector]!
    this.#left = GROUP_SIZE - 1
  }
}

function readSelectors(bits: BitReader, tableCount: number): number[] {
  const count = bits.take(15)
  const recent = Array.from({ length: tableCount }, (_, i) => i)
  const selectors: number[] = []
  for (let i = 0; i < count; i++) {
    let index = 0
    while (bits.take(1) === 1)
      if (++index >= tableCount) throw new Error('a bzip2 block has a wrong selector')
    const selector = moveToFront(recent, index)
    // Some compressors write more selectors than a block can use.
    if (i < MAX_SELECTORS) selectors.push(selector)
  }
  return selectors
}

interface CodeTable {
  /** for each code length, the largest code plus 1; 0 if no code has this length */
  limits: number[]
  /** for each code length, the number to add to a code to get the index of its symbol */
  offsets: number[]
  /** symbols in the order of their codes */
  symbols: number[]
  shortest: number
}

function readTable(bits: BitReader, symbolCount: number): CodeTable {
  const lengths: number[] = []
  let length = bits.take(5)
  for (let i = 0; i < symbolCount; i++) {
    while (bits.take(1) === 1) {
      length += bits.take(1) === 0 ? 1 : -1
      if (length < 1 || length > MAX_CODE_LENGTH) break
    }
    if (length < 1 || length > MAX_CODE_LENGTH)
      throw new Error(`a bzip2 block has a code of ${length} bits`)
    lengths.push(length)
  }
  const table: CodeTable = { limits: [0], offsets: [0], symbols: [], shortest: MAX_CODE_LENGTH }
  let code = 0
  for (let bitCount = 1; bitCount <= MAX_CODE_LENGTH; bitCount++) {
    const first = table.symbols.length
    for (const [symbol, each] of lengths.entries())
      if (each === bitCount) table.symbols.push(symbol)
    const count = table.symbols.length - first
    if (count > 0) table.shortest = Math.min(table.shortest, bitCount)
    table.offsets.push(first - code)
    table.limits.push(count > 0 ? code + count : 0)
    code = (code + count) * 2
  }
  return table
}

function makeCrcTable(): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << 24
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1
    return crc
  })
}
