import { ByteReader } from './byte-reader.ts'
import { refuse } from './errors.ts'
import type { ListedFile } from './file-list.ts'

export interface PayloadLimits {
  maxFiles: number
  /** maximum size of one file in bytes, decompressed */
  maxFileSize: number
  /** maximum size of the whole archive in bytes, decompressed */
  maxTotalSize: number
}

export interface PayloadEntry {
  name: string
  /** file type and permissions, as returned by stat() */
  mode: number
  size: number
  /** seconds since 1970 */
  mtime: number
  /** the content; it may be left unread, but cannot be read after the next entry has been requested */
  data: AsyncIterable<Buffer>
}

interface CpioHeader {
  name: string
  mode: number
  size: number
  mtime: number
}

const NEWC_FIELDS = 13
const NEWC_MAGICS = ['070701', '070702']
const STRIPPED_MAGIC = '07070X' // rpm's own for files over 4 GiB: contains only the file's index in the header
const MAX_NAME_SIZE = 4096
const TRAILER = 'TRAILER!!!'

/** Yields the entries of a cpio archive in order. Throws RpmFormatError if the archive is invalid or exceeds a limit. */
export async function* readCpio(
  chunks: AsyncIterable<Buffer>,
  { label, files, limits }: { label: string; files: ListedFile[]; limits: PayloadLimits },
): AsyncGenerator<PayloadEntry> {
  const reader = new ByteReader(chunks)
  try {
    for (let count = 0; ; count++) {
      const entry = await readHeader(reader, label, files)
      if (entry.name === TRAILER) return await expectEnd(reader, label)
      if (count >= limits.maxFiles) refuse(label, `it has more than ${limits.maxFiles} files`)
      checkSize(entry, reader, label, limits)
      const end = reader.taken + entry.size
      yield { ...entry, data: readData(reader, end, label) }
      for await (const _ of readData(reader, end, label)); // skips what the caller did not read
      await skipPadding(reader, label)
    }
  } finally {
    await reader.close()
  }
}

function checkSize(
  { name, size }: CpioHeader,
  reader: ByteReader,
  label: string,
  { maxFileSize, maxTotalSize }: PayloadLimits,
): void {
  const quoted = JSON.stringify(name.slice(0, 80))
  if (size > maxFileSize)
    refuse(label, `file ${quoted} has ${size} bytes, the limit is ${maxFileSize}`)
  if (reader.taken + size > maxTotalSize)
    refuse(
      label,
      `its contents have ${reader.taken + size} bytes up to file ${quoted}, the limit is ${maxTotalSize}`,
    )
}

async function* readData(reader: ByteReader, end: number, label: string): AsyncGenerator<Buffer> {
  while (reader.taken < end)
    yield (await reader.takeSome(end - reader.taken)) ?? refuse(label, 'its payload is truncated')
}

async function readHeader(
  reader: ByteReader,
  label: string,
  files: ListedFile[],
): Promise<CpioHeader> {
  const magic = (await takeOrRefuse(reader, 6, label)).toString('latin1')
  if (magic === STRIPPED_MAGIC) return await readStripped(reader, label, files)
  if (!NEWC_MAGICS.includes(magic)) refuse(label, 'its payload is not a cpio archive')
  const text = (await takeOrRefuse(reader, NEWC_FIELDS * 8, label)).toString('latin1')
  if (!/^[0-9a-fA-F]+$/.test(text)) refuse(label, 'its payload has a damaged file header')
  const field = (i: number): number => Number.parseInt(text.slice(i * 8, i * 8 + 8), 16)
  const nameSize = field(11)
  if (nameSize < 1 || nameSize > MAX_NAME_SIZE)
    refuse(label, `its payload has a file name of ${nameSize} bytes`)
  const name = await takeOrRefuse(reader, nameSize, label)
  if (name.at(-1) !== 0) refuse(label, 'its payload contains an unterminated file name')
  await skipPadding(reader, label)
  return {
    name: name.toString('utf8', 0, nameSize - 1),
    mode: field(1),
    size: field(6),
    mtime: field(5),
  }
}

async function readStripped(
  reader: ByteReader,
  label: string,
  files: ListedFile[],
): Promise<CpioHeader> {
  const text = (await takeOrRefuse(reader, 8, label)).toString('latin1')
  const file = /^[0-9a-fA-F]{8}$/.test(text) ? files[Number.parseInt(text, 16)] : undefined
  if (!file) refuse(label, 'its payload has a file that the header does not list')
  await skipPadding(reader, label)
  return { name: file.path, mode: file.mode, size: file.size, mtime: file.mtime }
}

/** Skips padding: headers and contents start at multiples of 4 bytes. */
async function skipPadding(reader: ByteReader, label: string): Promise<void> {
  const padding = -reader.taken & 3
  if (padding > 0) await takeOrRefuse(reader, padding, label)
}

async function takeOrRefuse(reader: ByteReader, length: number, label: string): Promise<Buffer> {
  return (await reader.take(length)) ?? refuse(label, 'its payload is truncated')
}

/** Accepts up to 64 KiB after the last entry: cpio(1) pads the last block, but more data could be a decompression bomb. */
async function expectEnd(reader: ByteReader, label: string): Promise<void> {
  let left = 64 * 1024
  for (let some; (some = await reader.takeSome(left + 1)); left -= some.length)
    if (some.length > left) refuse(label, 'its payload continues after its last file')
}
