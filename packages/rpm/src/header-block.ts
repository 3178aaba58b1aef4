import { refuse } from './errors.ts'
import { TAG, TYPE } from './tags.ts'

/** One of the two header structures of a package, checked but not yet decoded. */
export interface HeaderBlock {
  label: string
  /** offset of the structure in the file */
  start: number
  /** size of the structure in bytes, without the padding after it */
  size: number
  /** the whole structure: magic, counts, index, data */
  bytes: Buffer
  entries: ReadonlyMap<number, HeaderEntry>
  /** entries in the order of the index */
  tags: readonly number[]
  /** whether an immutable region covers every entry, as in every package since rpm 4.0 */
  isSealed: boolean
}

export interface HeaderEntry {
  tag: number
  type: number
  count: number
  /** the entry's bytes; strings include their terminating NUL */
  data: Buffer
}

export const HEADER_MAGIC = Buffer.from('8eade80100000000', 'hex')
export const INTRO_SIZE = 16
export const INDEX_ENTRY_SIZE = 16
const HEADER_LIMITS = {
  indexCount: 0xffff,
  dataSize: 64 * 1024 * 1024,
  /** maximum number of values per entry; the largest known packages have about 200,000 files */
  valueCount: 1 << 20,
}

const ALIGNMENT: Partial<Record<number, number>> = {
  [TYPE.INT16]: 2,
  [TYPE.INT32]: 4,
  [TYPE.INT64]: 8,
}

/** Reads the size of a header structure, in bytes, from its first 16 bytes. */
export function readHeaderSize(intro: Buffer, label: string, part: string): number {
  if (!intro.subarray(0, 8).equals(HEADER_MAGIC))
    refuse(label, `the ${part} does not start with the magic number`)
  const indexCount = intro.readUInt32BE(8)
  const dataSize = intro.readUInt32BE(12)
  if (indexCount > HEADER_LIMITS.indexCount)
    refuse(
      label,
      `the ${part}'s index count ${indexCount} exceeds the limit ${HEADER_LIMITS.indexCount}`,
    )
  if (dataSize > HEADER_LIMITS.dataSize)
    refuse(label, `the ${part}'s data size ${dataSize} exceeds the limit ${HEADER_LIMITS.dataSize}`)
  if (indexCount === 0) refuse(label, `the ${part} is empty`)
  return INTRO_SIZE + indexCount * INDEX_ENTRY_SIZE + dataSize
}

/**
 * Parses a complete header structure. As in rpm, entries must follow each other in the data without overlap. This keeps the work linear in
 * the size, whatever the index contains.
 */
export function parseHeaderBlock(
  bytes: Buffer,
  {
    label,
    part,
    start,
    regionTag,
  }: { label: string; part: string; start: number; regionTag: number },
): HeaderBlock {
  const name = `the ${part}`
  const size = readHeaderSize(bytes, label, part)
  if (size !== bytes.length) refuse(label, `${name} is truncated`)
  const indexCount = bytes.readUInt32BE(8)
  const data = bytes.subarray(INTRO_SIZE + indexCount * INDEX_ENTRY_SIZE)
  const entries = new Map<number, HeaderEntry>()
  let end = 0
  for (let i = 0; i < indexCount; i++) {
    const { tag, type, offset, count } = readIndexEntry(bytes, INTRO_SIZE + i * INDEX_ENTRY_SIZE)
    const where = `tag ${tag} in ${name}`
    if (tag < TAG.HEADERIMAGE) refuse(label, `${where} is not a tag`)
    if (entries.has(tag)) refuse(label, `${where} appears twice`)
    const isRegion = i === 0 && isRegionTag(tag)
    if (!isRegion && offset < end) refuse(label, `${where} overlaps its predecessor`)
    const length = dataLength(data, { type, offset, count }, label, where)
    if (!isRegion) end = offset + length
    entries.set(tag, { tag, type, count, data: data.subarray(offset, offset + length) })
  }
  const isSealed = checkRegion(bytes, data, { label, name, regionTag })
  return { label, start, size, bytes, entries, tags: [...entries.keys()], isSealed }
}

function readIndexEntry(
  bytes: Buffer,
  at: number,
): { tag: number; type: number; offset: number; count: number } {
  return {
    tag: bytes.readUInt32BE(at),
    type: bytes.readUInt32BE(at + 4),
    offset: bytes.readUInt32BE(at + 8),
    count: bytes.readUInt32BE(at + 12),
  }
}

function dataLength(
  data: Buffer,
  { type, offset, count }: { type: number; offset: number; count: number },
  label: string,
  where: string,
): number {
  if (offset > data.length) refuse(label, `${where} lies outside the data`)
  if (count === 0) refuse(label, `${where} has no values`)
  if (offset % (ALIGNMENT[type] ?? 1) !== 0) refuse(label, `${where} is not aligned`)
  if (type !== TYPE.BIN && count > HEADER_LIMITS.valueCount)
    refuse(label, `${where} has ${count} values, more than the limit ${HEADER_LIMITS.valueCount}`)
  const length = isStringType(type)
    ? stringsLength(data, {
        offset,
        count: type === TYPE.STRING ? checkOne(count, label, where) : count,
      })
    : count * valueSize(type, label, where)
  if (length === undefined || length > data.length - offset)
    refuse(label, `${where} runs past the data`)
  return length
}

function checkOne(count: number, label: string, where: string): number {
  return count === 1 ? 1 : refuse(label, `${where} is a string with ${count} values`)
}

/** Returns the size in bytes of one value of a fixed-size type. */
function valueSize(type: number, label: string, where: string): number {
  switch (type) {
    case TYPE.CHAR:
    case TYPE.INT8:
    case TYPE.BIN:
      return 1
    default:
      return ALIGNMENT[type] ?? refuse(label, `${where} has the unknown type ${type}`)
  }
}

function stringsLength(
  data: Buffer,
  { offset, count }: { offset: number; count: number },
): number | undefined {
  let at = offset
  for (let i = 0; i < count; i++) {
    const nul = data.indexOf(0, at)
    if (nul < 0) return undefined
    at = nul + 1
  }
  return at - offset
}

export function isStringType(type: number): boolean {
  return type === TYPE.STRING || type === TYPE.STRING_ARRAY || type === TYPE.I18NSTRING
}

function isRegionTag(tag: number): boolean {
  return tag >= TAG.HEADERIMAGE && tag <= TAG.HEADERIMMUTABLE
}

/** Checks the region that a header's first entry declares. Packages from the 1990s have none. */
function checkRegion(
  bytes: Buffer,
  data: Buffer,
  { label, name, regionTag }: { label: string; name: string; regionTag: number },
): boolean {
  const { tag, type, offset, count } = readIndexEntry(bytes, INTRO_SIZE)
  if (!isRegionTag(tag)) return false
  const bad = `${name}'s region is damaged`
  if (tag !== regionTag || type !== TYPE.BIN || count !== INDEX_ENTRY_SIZE) refuse(label, bad)
  const trailer = readIndexEntry(data.subarray(offset), 0)
  const signedOffset = data.readInt32BE(offset + 8)
  const isKnown = trailer.tag === regionTag || trailer.tag === TAG.HEADERIMAGE // rpm 3 wrote HEADERIMAGE
  if (!isKnown || trailer.type !== TYPE.BIN || trailer.count !== INDEX_ENTRY_SIZE)
    refuse(label, bad)
  const regionEntries = -signedOffset / INDEX_ENTRY_SIZE
  const indexCount = bytes.readUInt32BE(8)
  if (!Number.isInteger(regionEntries) || regionEntries < 1 || regionEntries > indexCount)
    refuse(label, bad)
  return regionEntries === indexCount && offset + INDEX_ENTRY_SIZE === data.length
}
