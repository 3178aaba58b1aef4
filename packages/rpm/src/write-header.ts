import { HEADER_MAGIC, INDEX_ENTRY_SIZE, INTRO_SIZE } from './header-block.ts'
import { TYPE } from './tags.ts'

export interface NewEntry {
  tag: number
  type: number
  count: number
  data: Buffer
}

const ALIGNMENT: Partial<Record<number, number>> = {
  [TYPE.INT16]: 2,
  [TYPE.INT32]: 4,
  [TYPE.INT64]: 8,
}

/** Builds a header structure from the entries, in the order given; an immutable region covers all of them. */
export function buildHeader(entries: readonly NewEntry[], regionTag: number): Buffer {
  const data: Buffer[] = []
  const index: Buffer[] = []
  let offset = 0
  for (const entry of entries) {
    const padding = -offset & ((ALIGNMENT[entry.type] ?? 1) - 1)
    offset += padding
    index.push(indexEntry(entry.tag, entry.type, offset, entry.count))
    data.push(Buffer.alloc(padding), entry.data)
    offset += entry.data.length
  }
  const count = entries.length + 1
  const region = indexEntry(regionTag, TYPE.BIN, offset, INDEX_ENTRY_SIZE)
  const trailer = indexEntry(regionTag, TYPE.BIN, -count * INDEX_ENTRY_SIZE, INDEX_ENTRY_SIZE)
  const intro = Buffer.alloc(INTRO_SIZE)
  HEADER_MAGIC.copy(intro)
  intro.writeUInt32BE(count, 8)
  intro.writeUInt32BE(offset + INDEX_ENTRY_SIZE, 12)
  return Buffer.concat([intro, region, ...index, ...data, trailer])
}

function indexEntry(tag: number, type: number, offset: number, count: number): Buffer {
  const entry = Buffer.alloc(INDEX_ENTRY_SIZE)
  entry.writeUInt32BE(tag, 0)
  entry.writeUInt32BE(type, 4)
  entry.writeInt32BE(offset, 8)
  entry.writeUInt32BE(count, 12)
  return entry
}

/** Returns an entry of one of the string types; a {@link TYPE.STRING} has exactly one value. */
export function strings(tag: number, type: number, values: string[]): NewEntry {
  return {
    tag,
    type,
    count: values.length,
    data: Buffer.from(values.map((value) => `${value}\0`).join('')),
  }
}

export function binary(tag: number, data: Buffer): NewEntry {
  return { tag, type: TYPE.BIN, count: data.length, data }
}

export function int32(tag: number, values: number[]): NewEntry {
  const data = Buffer.alloc(values.length * 4)
  for (const [i, value] of values.entries()) data.writeUInt32BE(value, i * 4)
  return { tag, type: TYPE.INT32, count: values.length, data }
}
