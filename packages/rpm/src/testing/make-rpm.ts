import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { FILE_FLAG, SIGNATURE_TAG, TAG, TYPE } from '../tags.ts'
import { binary, buildHeader, int32, type NewEntry, strings } from '../write-header.ts'
import { type ArchivedFile, cpioArchive } from './make-cpio.ts'

/** A file to put into a package. */
export interface MadeFile extends ArchivedFile {
  /** the size that the header declares */
  listedSize?: number
  /** whether the header marks the file as the spec; default: depends on the file's name */
  isSpec?: boolean
  /** whether `NoSource` excludes the file: then the header lists it as a ghost, and it is not in the archive */
  isLeftOut?: boolean
}

export interface MadeRpm {
  name?: string
  epoch?: number
  version?: string
  release?: string
  /** file name of the source package; only binary packages have one */
  sourceRpm?: string
  arch?: string
  files?: MadeFile[]
  requires?: string[]
  exclusiveArch?: string[]
  excludeArch?: string[]
  compressor?: 'gzip' | 'zstd' | 'identity'
  /** replaces the cpio archive, before compression */
  archive?: Buffer
  /** replaces the compressed payload */
  payload?: Buffer
  /** whether to use rpm's own archive format for large files, in which names and sizes are only in the header */
  isStripped?: boolean
  /** 6 means the format of rpm 6, which has other digests and sizes, and always uses the stripped archive format */
  format?: 4 | 6
  /** entries to add to the main header, or to replace those with the same tag */
  headerEntries?: NewEntry[]
  /** entries to add to the signature header, or to replace those with the same tag */
  signatureEntries?: NewEntry[]
  /** tags to leave out of both headers */
  without?: number[]
}

/** Writes a source package with one spec file, called `NAME.spec` by default, and returns the package's path. */
export async function buildSrpm(
  path: string,
  {
    spec,
    files = [],
    ...rest
  }: MadeRpm & { spec?: string | { name: string; content: string } } = {},
): Promise<string> {
  const { name = 'hello' } = rest
  const made =
    typeof spec === 'object' ? spec : { name: `${name}.spec`, content: spec ?? `Name: ${name}\n` }
  await writeFile(path, makeRpm({ ...rest, files: [made, ...files] }))
  return path
}

/** Makes a package that is valid except for what the caller changes. */
export function makeRpm(wanted: MadeRpm = {}): Buffer {
  const { files = [], compressor = 'gzip', format = 4, without = [] } = wanted
  const isStripped = wanted.isStripped ?? format === 6
  const archive = wanted.archive ?? cpioArchive(archived(files), isStripped)
  const payload = wanted.payload ?? compress(archive, compressor)
  const headerEntries = replaceEntries(
    [
      ...identityEntries(wanted),
      ...fileEntries(files, format),
      ...payloadEntries(payload, compressor),
      ...(format === 6 ? format6Entries(payload) : []),
    ],
    wanted.headerEntries,
    without,
  )
  const header = buildHeader(headerEntries, TAG.HEADERIMMUTABLE)
  const signatureEntries = replaceEntries(
    format === 6
      ? format6Signature(header)
      : [
          strings(SIGNATURE_TAG.SHA1HEADER, TYPE.STRING, [hash('sha1', header)]),
          strings(SIGNATURE_TAG.SHA256HEADER, TYPE.STRING, [hash('sha256', header)]),
          int32(SIGNATURE_TAG.SIZE, [header.length + payload.length]),
          int32(SIGNATURE_TAG.PAYLOADSIZE, [archive.length]),
          binary(SIGNATURE_TAG.RESERVEDSPACE, Buffer.alloc(4096)),
        ],
    wanted.signatureEntries,
    without,
  )
  const signature = buildHeader(signatureEntries, SIGNATURE_TAG.HEADERSIGNATURES)
  const padding = Buffer.alloc(-signature.length & 7)
  return Buffer.concat([lead(wanted), signature, padding, header, payload])
}

function archived(files: MadeFile[]): MadeFile[] {
  return files.map((file) => (file.isLeftOut ? { ...file, isArchived: false } : file))
}

function format6Signature(header: Buffer): NewEntry[] {
  return [
    strings(SIGNATURE_TAG.SHA256HEADER, TYPE.STRING, [hash('sha256', header)]),
    strings(SIGNATURE_TAG.SHA3_256HEADER, TYPE.STRING, [hash('sha3-256', header)]),
    binary(SIGNATURE_TAG.RESERVED, Buffer.alloc(4096)),
  ]
}

function format6Entries(payload: Buffer): NewEntry[] {
  return [
    strings(TAG.ENCODING, TYPE.STRING, ['utf-8']),
    int32(TAG.RPMFORMAT, [6]),
    strings(TAG.PAYLOADSHA512, TYPE.STRING, [hash('sha512', payload)]),
    strings(TAG.PAYLOADSHA3_256, TYPE.STRING, [hash('sha3-256', payload)]),
  ]
}

function lead({ name = 'hello', sourceRpm, format = 4 }: MadeRpm): Buffer {
  const bytes = Buffer.alloc(96)
  bytes.writeUInt32BE(0xedabeedb, 0)
  bytes.writeUInt8(format === 6 ? 4 : 3, 4)
  bytes.writeUInt16BE(sourceRpm === undefined ? 1 : 0, 6)
  bytes.writeUInt16BE(format === 6 ? 0 : 1, 8)
  bytes.write(name.slice(0, 65), 10)
  bytes.writeUInt16BE(format === 6 ? 0 : 1, 76)
  bytes.writeUInt16BE(5, 78)
  return bytes
}

function identityEntries(wanted: MadeRpm): NewEntry[] {
  const {
    name = 'hello',
    epoch,
    version = '1.0',
    release = '1',
    arch = 'noarch',
    sourceRpm,
  } = wanted
  const { files = [], requires = [], exclusiveArch = [], excludeArch = [] } = wanted
  return [
    strings(TAG.HEADERI18NTABLE, TYPE.STRING_ARRAY, ['C']),
    strings(TAG.NAME, TYPE.STRING, [name]),
    strings(TAG.VERSION, TYPE.STRING, [version]),
    strings(TAG.RELEASE, TYPE.STRING, [release]),
    ...(epoch === undefined ? [] : [int32(TAG.EPOCH, [epoch])]),
    strings(TAG.SUMMARY, TYPE.I18NSTRING, ['A test package']),
    strings(TAG.DESCRIPTION, TYPE.I18NSTRING, ['Made by a test.']),
    int32(TAG.BUILDTIME, [1_700_000_000]),
    wanted.format === 6 ? int64(TAG.LONGSIZE, [0n]) : int32(TAG.SIZE, [0]),
    strings(TAG.LICENSE, TYPE.STRING, ['MIT']),
    strings(TAG.GROUP, TYPE.I18NSTRING, ['Unspecified']),
    strings(TAG.OS, TYPE.STRING, ['linux']),
    strings(TAG.ARCH, TYPE.STRING, [arch]),
    sourceRpm === undefined
      ? int32(TAG.SOURCEPACKAGE, [1])
      : strings(TAG.SOURCERPM, TYPE.STRING, [sourceRpm]),
    ...dependencyEntries(requires),
    ...(files.some(({ isLeftOut }) => isLeftOut) ? [int32(TAG.NOSOURCE, [1])] : []),
    ...arrayOf(TAG.EXCLUSIVEARCH, exclusiveArch),
    ...arrayOf(TAG.EXCLUDEARCH, excludeArch),
  ]
}

function dependencyEntries(names: string[]): NewEntry[] {
  if (names.length === 0) return []
  return [
    int32(
      TAG.REQUIREFLAGS,
      names.map(() => 0),
    ),
    ...arrayOf(TAG.REQUIRENAME, names),
    ...arrayOf(
      TAG.REQUIREVERSION,
      names.map(() => ''),
    ),
  ]
}

function fileEntries(files: MadeFile[], format: 4 | 6): NewEntry[] {
  const listed = files.filter(({ isListed = true }) => isListed)
  if (listed.length === 0) return []
  const sizes = listed.map((file) => file.listedSize ?? Buffer.byteLength(file.content ?? ''))
  const contents = listed.map(({ content = '' }) => Buffer.from(content))
  return [
    format === 6 ? int64(TAG.LONGFILESIZES, sizes.map(BigInt)) : int32(TAG.FILESIZES, sizes),
    int16(
      TAG.FILEMODES,
      listed.map(({ mode = 0o100644 }) => mode),
    ),
    int32(
      TAG.FILEMTIMES,
      listed.map(() => 1_700_000_000),
    ),
    ...arrayOf(
      TAG.FILEDIGESTS,
      contents.map((content) => hash('sha256', content)),
    ),
    int32(TAG.FILEFLAGS, listed.map(flagsOf)),
    ...arrayOf(
      TAG.FILEUSERNAME,
      listed.map(() => 'root'),
    ),
    ...arrayOf(
      TAG.FILEGROUPNAME,
      listed.map(() => 'root'),
    ),
    int32(
      TAG.DIRINDEXES,
      listed.map(() => 0),
    ),
    ...arrayOf(
      TAG.BASENAMES,
      listed.map(({ name }) => name),
    ),
    ...arrayOf(TAG.DIRNAMES, ['']),
    int32(TAG.FILEDIGESTALGO, [8]),
  ]
}

function flagsOf({ name, isSpec = name.endsWith('.spec'), isLeftOut }: MadeFile): number {
  return (isSpec ? FILE_FLAG.SPECFILE : 0) | (isLeftOut ? FILE_FLAG.GHOST : 0)
}

function payloadEntries(payload: Buffer, compressor: string): NewEntry[] {
  return [
    strings(TAG.PAYLOADFORMAT, TYPE.STRING, ['cpio']),
    strings(TAG.PAYLOADCOMPRESSOR, TYPE.STRING, [compressor]),
    ...arrayOf(TAG.PAYLOADDIGEST, [hash('sha256', payload)]),
    int32(TAG.PAYLOADDIGESTALGO, [8]),
  ]
}

/** Replaces and removes entries, and sorts the result by tag as rpm does. */
function replaceEntries(
  entries: NewEntry[],
  replacements: NewEntry[] = [],
  without: number[],
): NewEntry[] {
  const replaced = new Set([...without, ...replacements.map(({ tag }) => tag)])
  return [...entries.filter(({ tag }) => !replaced.has(tag)), ...replacements].toSorted(
    (a, b) => a.tag - b.tag,
  )
}

function compress(archive: Buffer, compressor: NonNullable<MadeRpm['compressor']>): Buffer {
  switch (compressor) {
    case 'gzip':
      return gzipSync(archive)
    case 'zstd':
      return zstdCompressSync(archive)
    case 'identity':
      return archive
  }
}

function hash(algorithm: string, bytes: Buffer): string {
  return createHash(algorithm).update(bytes).digest('hex')
}

function arrayOf(tag: number, values: string[]): NewEntry[] {
  return values.length === 0 ? [] : [strings(tag, TYPE.STRING_ARRAY, values)]
}

export function int16(tag: number, values: number[]): NewEntry {
  const data = Buffer.alloc(values.length * 2)
  for (const [i, value] of values.entries()) data.writeUInt16BE(value, i * 2)
  return { tag, type: TYPE.INT16, count: values.length, data }
}

export function int64(tag: number, values: bigint[]): NewEntry {
  const data = Buffer.alloc(values.length * 8)
  for (const [i, value] of values.entries()) data.writeBigUInt64BE(value, i * 8)
  return { tag, type: TYPE.INT64, count: values.length, data }
}
