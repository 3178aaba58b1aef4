import { refuse } from './errors.ts'
import { type HeaderBlock, type HeaderEntry, isStringType } from './header-block.ts'
import { TYPE } from './tags.ts'

export function hasTag(header: HeaderBlock, tag: number): boolean {
  return header.entries.has(tag)
}

/** Returns a string; for a translated string, the untranslated version. Undefined if there is no such entry. */
export function getString(header: HeaderBlock, tag: number): string | undefined {
  const entry = stringEntry(header, tag)
  return entry && entry.data.toString('utf8', 0, entry.data.indexOf(0))
}

/** Returns all strings of an entry; a translated string has one per language. Empty if there is no such entry. */
export function getStrings(header: HeaderBlock, tag: number): string[] {
  const entry = stringEntry(header, tag)
  return entry ? entry.data.toString('utf8', 0, entry.data.length - 1).split('\0') : []
}

/** Returns unsigned numbers; empty if there is no such entry. Throws if a 64-bit number is not a safe integer. */
export function getInts(header: HeaderBlock, tag: number): number[] {
  const entry = header.entries.get(tag)
  if (!entry) return []
  const { data, count } = entry
  switch (entry.type) {
    case TYPE.CHAR:
    case TYPE.INT8:
      return [...data]
    case TYPE.INT16:
      return Array.from({ length: count }, (_, i) => data.readUInt16BE(i * 2))
    case TYPE.INT32:
      return Array.from({ length: count }, (_, i) => data.readUInt32BE(i * 4))
    case TYPE.INT64:
      return Array.from({ length: count }, (_, i) => readSafeInt64(header, entry, i * 8))
    default:
      return wrongType(header, entry, 'numbers')
  }
}

export function getInt(header: HeaderBlock, tag: number): number | undefined {
  return getInts(header, tag)[0]
}

/** Returns the bytes of a binary entry without copying them; undefined if there is no such entry. */
export function getBinary(header: HeaderBlock, tag: number): Buffer | undefined {
  const entry = header.entries.get(tag)
  if (entry && entry.type !== TYPE.BIN) wrongType(header, entry, 'bytes')
  return entry?.data
}

function stringEntry(header: HeaderBlock, tag: number): HeaderEntry | undefined {
  const entry = header.entries.get(tag)
  if (entry && !isStringType(entry.type)) wrongType(header, entry, 'text')
  return entry
}

function readSafeInt64(header: HeaderBlock, { tag, data }: HeaderEntry, at: number): number {
  const value = Number(data.readBigUInt64BE(at))
  return Number.isSafeInteger(value)
    ? value
    : refuse(header.label, `tag ${tag} holds a number that is too large`)
}

function wrongType(header: HeaderBlock, { tag, type }: HeaderEntry, wanted: string): never {
  refuse(header.label, `tag ${tag} should hold ${wanted} but has the type ${type}`)
}
