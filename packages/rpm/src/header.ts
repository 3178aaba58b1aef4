import { type FileHandle, open } from 'node:fs/promises'
import { basename } from 'node:path'
import { refuse } from './errors.ts'
import { type HeaderBlock, INTRO_SIZE, parseHeaderBlock, readHeaderSize } from './header-block.ts'
import { TAG } from './tags.ts'

export interface RpmHeader {
  /** name for the package in error messages */
  label: string
  lead: { isSource: boolean; name: string }
  signature: HeaderBlock
  header: HeaderBlock
  /** offset of the compressed payload in the file */
  payloadStart: number
  fileSize: number
}

/** Provides the bytes of a package: `read` returns up to `length` bytes at `position`. */
export interface RpmSource {
  label: string
  size: number
  read(position: number, length: number): Promise<Buffer>
}

/** A package in a file, given by its path or as an open file, or in memory. */
export type RpmInput = string | FileHandle | Buffer

export const LEAD_SIZE = 96
const SIGNATURE_ALIGNMENT = 8
const LEAD_MAGIC = 0xedabeedb
const HEADER_STYLE_SIGNATURE = 5

/** Reads the lead, the signature header and the main header, but not the payload. Throws RpmFormatError if one of them is invalid. */
export async function readRpmHeader(from: RpmInput): Promise<RpmHeader> {
  return await withRpmFile(from, readRpmHeaderFrom)
}

export async function readRpmHeaderFromBuffer(
  bytes: Buffer,
  label = 'the package',
): Promise<RpmHeader> {
  return await readRpmHeaderFrom(bufferSource(bytes, label))
}

/** Calls a function with a package as an RpmSource. If the package is given as a path, opens the file and closes it afterwards. */
export async function withRpmFile<T>(
  from: RpmInput,
  use: (source: RpmSource) => Promise<T>,
): Promise<T> {
  if (Buffer.isBuffer(from)) return await use(bufferSource(from, 'the package'))
  if (typeof from !== 'string') return await use(await fileSource(from, 'the package'))
  await using handle = await open(from, 'r')
  return await use(await fileSource(handle, basename(from)))
}

function bufferSource(bytes: Buffer, label: string): RpmSource {
  return {
    label,
    size: bytes.length,
    read: async (position, length) => bytes.subarray(position, position + length),
  }
}

async function fileSource(handle: FileHandle, label: string): Promise<RpmSource> {
  const stats = await handle.stat()
  if (!stats.isFile()) refuse(label, 'it is not a regular file')
  return {
    label,
    size: stats.size,
    async read(position, length) {
      const buffer = Buffer.allocUnsafe(length)
      let filled = 0
      while (filled < length) {
        const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      return buffer.subarray(0, filled)
    },
  }
}

export async function readRpmHeaderFrom(source: RpmSource): Promise<RpmHeader> {
  const { label, size } = source
  if (size > 0 && size < LEAD_SIZE) refuse(label, 'it is not an RPM package')
  const lead = parseLead(await readExactly(source, 0, LEAD_SIZE, 'lead'), label)
  const signature = await readBlock(source, {
    start: LEAD_SIZE,
    part: 'signature header',
    regionTag: TAG.HEADERSIGNATURES,
  })
  const header = await readMainHeader(source, LEAD_SIZE + paddedSignatureSize(signature.size))
  const payloadStart = header.start + header.size
  return { label, lead, signature, header, payloadStart, fileSize: size }
}

/** Reads the main header alone, regardless of what precedes it. */
export async function readMainHeader(source: RpmSource, start: number): Promise<HeaderBlock> {
  return await readBlock(source, { start, part: 'header', regionTag: TAG.HEADERIMMUTABLE })
}

/** Returns the size including padding, because the main header starts at a multiple of 8 bytes. */
export function paddedSignatureSize(size: number): number {
  return Math.ceil(size / SIGNATURE_ALIGNMENT) * SIGNATURE_ALIGNMENT
}

async function readBlock(
  source: RpmSource,
  { start, part, regionTag }: { start: number; part: string; regionTag: number },
): Promise<HeaderBlock> {
  const { label } = source
  const size = readHeaderSize(await readExactly(source, start, INTRO_SIZE, part), label, part)
  const bytes = await readExactly(source, start, size, part)
  return parseHeaderBlock(bytes, { label, part, start, regionTag })
}

/** Reads `length` bytes. Checks the file's size first: a wrong length must not cause an allocation larger than the file. */
async function readExactly(
  source: RpmSource,
  position: number,
  length: number,
  part: string,
): Promise<Buffer> {
  const missing = `it ends within the ${part}`
  if (source.size === 0) refuse(source.label, 'it is empty')
  if (position + length > source.size) refuse(source.label, missing)
  const bytes = await source.read(position, length)
  return bytes.length === length ? bytes : refuse(source.label, missing)
}

function parseLead(lead: Buffer, label: string): RpmHeader['lead'] {
  if (lead.readUInt32BE(0) !== LEAD_MAGIC) refuse(label, 'it is not an RPM package')
  const major = lead.readUInt8(4)
  if (major < 3 || major > 6) refuse(label, `its package format ${major} is not supported`)
  const type = lead.readUInt16BE(6)
  if (type > 1) refuse(label, `its package type ${type} is unknown`)
  if (lead.readUInt16BE(78) !== HEADER_STYLE_SIGNATURE)
    refuse(label, 'its signature type is unknown')
  const name = lead.subarray(10, 76)
  const end = name.indexOf(0)
  return { isSource: type === 1, name: name.toString('utf8', 0, end < 0 ? name.length : end) }
}
