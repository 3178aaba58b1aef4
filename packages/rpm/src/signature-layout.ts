import { createHash } from 'node:crypto'
import { type HeaderBlock, INDEX_ENTRY_SIZE } from './header-block.ts'
import { getInt } from './header-values.ts'
import { paddedSignatureSize } from './header.ts'
import { SIGNATURE_TAG, TAG, TYPE } from './tags.ts'
import { binary, buildHeader, int32, type NewEntry, strings } from './write-header.ts'

/** Tags of OpenPGP signatures, made over the header alone or (by old versions of rpm) over header and payload. */
const OPENPGP_TAGS: readonly number[] = [
  SIGNATURE_TAG.DSAHEADER,
  SIGNATURE_TAG.RSAHEADER,
  SIGNATURE_TAG.OPENPGP,
  SIGNATURE_TAG.PGP,
  SIGNATURE_TAG.GPG,
]

/** Tags of entries without data that reserve space for signatures: the tag of rpm 4 and that of rpm 6. */
const RESERVE_TAGS: readonly number[] = [SIGNATURE_TAG.RESERVEDSPACE, SIGNATURE_TAG.RESERVED]
/** as much as rpmbuild reserves: enough for every type of signature in use */
const RESERVED_BYTES = 4096
const MAX_INT32 = 0xffff_ffff

/** Returns the digests that rpm uses to check an unsigned package; `md5` and `size` (in bytes) are of header and payload together. */
export function digestEntries(
  header: Buffer,
  { md5, size }: { md5: Buffer; size: number },
): NewEntry[] {
  const { SHA1HEADER, SHA256HEADER, MD5 } = SIGNATURE_TAG
  return [
    hashEntry(SHA1HEADER, 'sha1', header),
    hashEntry(SHA256HEADER, 'sha256', header),
    sizeEntry(size),
    binary(MD5, md5),
  ]
}

/**
 * Returns the digests that rpm 6 uses to check an unsigned package of its own format. The digests of the payload are in the main header.
 */
export function format6DigestEntries(header: Buffer): NewEntry[] {
  const { SHA256HEADER, SHA3_256HEADER } = SIGNATURE_TAG
  return [hashEntry(SHA256HEADER, 'sha256', header), hashEntry(SHA3_256HEADER, 'sha3-256', header)]
}

function hashEntry(tag: number, algorithm: string, header: Buffer): NewEntry {
  return strings(tag, TYPE.STRING, [createHash(algorithm).update(header).digest('hex')])
}

/** Whether the package has the format of rpm 6, in which the signature header must not contain tags above 999. */
export function isFormat6(header: HeaderBlock): boolean {
  return (getInt(header, TAG.RPMFORMAT) ?? 4) >= 6
}

/** Returns the tag of the entry that reserves space in a package's signature header. */
export function reserveTagOf(header: HeaderBlock): number {
  return isFormat6(header) ? SIGNATURE_TAG.RESERVED : SIGNATURE_TAG.RESERVEDSPACE
}

function sizeEntry(size: number): NewEntry {
  if (size <= MAX_INT32) return int32(SIGNATURE_TAG.SIZE, [size])
  const data = Buffer.alloc(8)
  data.writeBigUInt64BE(BigInt(size))
  return { tag: SIGNATURE_TAG.LONGSIZE, type: TYPE.INT64, count: 1, data }
}

/** Returns the entries to keep: all except OpenPGP signatures, reserved space and the region tag. */
export function keptEntries({ entries }: HeaderBlock): NewEntry[] {
  const dropped = [...OPENPGP_TAGS, ...RESERVE_TAGS, SIGNATURE_TAG.HEADERSIGNATURES]
  return [...entries.values()].filter(({ tag }) => !dropped.includes(tag))
}

/**
 * Builds a signature header with these entries that takes exactly `paddedSize` bytes; bytes that the entries do not need become reserved
 * space. Returns undefined if the entries do not fit.
 */
export function fitInto(
  paddedSize: number,
  entries: readonly NewEntry[],
  reserveTag: number,
): Buffer | undefined {
  const bare = build(entries, 0, reserveTag)
  if (paddedSignatureSize(bare.length) === paddedSize) return pad(bare)
  const room = paddedSize - bare.length - INDEX_ENTRY_SIZE
  return room > 0 ? build(entries, room, reserveTag) : undefined
}

/**
 * Whether writing the new signature header over the old one could damage kept entries without detection if the write is interrupted. If the
 * number of entries changes, an interruption is always detected: the first and the last bytes disagree.
 */
export function movesKeptData(old: HeaderBlock, replacement: Buffer): boolean {
  if (old.entries.size !== replacement.readUInt32BE(8)) return false
  const kept = keptEntries(old)
  return kept.some(({ data }) => {
    const at = data.byteOffset - old.bytes.byteOffset
    return !replacement.subarray(at, at + data.length).equals(data)
  })
}

/** Builds a padded signature header with as much reserved space as rpmbuild leaves. */
export function withReserve(
  entries: readonly NewEntry[],
  reserveTag: number = SIGNATURE_TAG.RESERVEDSPACE,
): Buffer {
  return pad(build(entries, RESERVED_BYTES, reserveTag))
}

function pad(header: Buffer): Buffer {
  return Buffer.concat([header, Buffer.alloc(paddedSignatureSize(header.length) - header.length)])
}

/**
 * Builds a signature header. rpm sorts entries when it reads them, so the reserved space can come last, where its size does not move any
 * other entry.
 */
function build(entries: readonly NewEntry[], reserved: number, reserveTag: number): Buffer {
  const sorted = entries.toSorted((a, b) => a.tag - b.tag)
  if (reserved > 0)
    sorted.push({
      tag: reserveTag,
      type: TYPE.BIN,
      count: reserved,
      data: Buffer.alloc(reserved),
    })
  return buildHeader(sorted, SIGNATURE_TAG.HEADERSIGNATURES)
}
