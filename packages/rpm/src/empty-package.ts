import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { RpmFormatError } from './errors.ts'
import { LEAD_SIZE } from './header.ts'
import type { Requirement } from './package-info.ts'
import { isRich, richOperands } from './rich-dependency.ts'
import { digestEntries, withReserve } from './signature-layout.ts'
import { DEPENDENCY_FLAG, TAG, TYPE } from './tags.ts'
import { buildHeader, int32, type NewEntry, strings } from './write-header.ts'

export interface EmptyPackage {
  name: string
  version: string
  release: string
  summary: string
  /** in any order; the name of a rich dependency is its full expression */
  requires: readonly Requirement[]
}

const { LESS, GREATER, EQUAL, RPMLIB } = DEPENDENCY_FLAG
const SENSE: Record<Requirement['comparison'], number> = {
  '': 0,
  '<': LESS,
  '<=': LESS | EQUAL,
  '=': EQUAL,
  '>=': GREATER | EQUAL,
  '>': GREATER,
}
const SHA256 = 8

/** The trailer of a cpio archive. An archive without files contains nothing else. */
const EMPTY_ARCHIVE = Buffer.from(
  `070701${[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0].map((one) => one.toString(16).padStart(8, '0')).join('')}TRAILER!!!\0\0\0\0`,
)

/** Returns an unsigned noarch package without files. Its requirements are stored as rpmbuild stores them. */
export function emptyPackage(wanted: EmptyPackage): Buffer {
  const payload = gzipSync(EMPTY_ARCHIVE)
  const header = buildHeader(
    [...identityEntries(wanted), ...requireEntries(wanted.requires), ...payloadEntries(payload)]
      .filter(({ count }) => count > 0)
      .toSorted((a, b) => a.tag - b.tag),
    TAG.HEADERIMMUTABLE,
  )
  const md5 = createHash('md5').update(header).update(payload).digest()
  const signature = withReserve(
    digestEntries(header, { md5, size: header.length + payload.length }),
  )
  return Buffer.concat([lead(wanted), signature, header, payload])
}

/** The lead only marks the file as a binary package; rpm reads everything else from the header. */
function lead({ name, version, release }: EmptyPackage): Buffer {
  const bytes = Buffer.alloc(LEAD_SIZE)
  bytes.writeUInt32BE(0xedabeedb, 0)
  bytes.writeUInt8(3, 4)
  bytes.writeUInt16BE(1, 8)
  bytes.write(`${name}-${version}-${release}`.slice(0, 65), 10, 65, 'latin1')
  bytes.writeUInt16BE(1, 76)
  bytes.writeUInt16BE(5, 78)
  return bytes
}

function identityEntries({ name, version, release, summary }: EmptyPackage): NewEntry[] {
  return [
    list(TAG.HEADERI18NTABLE, ['C']),
    text(TAG.NAME, name),
    text(TAG.VERSION, version),
    text(TAG.RELEASE, release),
    translated(TAG.SUMMARY, summary),
    translated(TAG.DESCRIPTION, summary),
    int32(TAG.SIZE, [0]),
    text(TAG.LICENSE, 'none'),
    translated(TAG.GROUP, 'Unspecified'),
    text(TAG.OS, 'linux'),
    text(TAG.ARCH, 'noarch'),
    text(TAG.SOURCERPM, `${name}-${version}-${release}.src.rpm`),
    list(TAG.PROVIDENAME, [name]),
    int32(TAG.PROVIDEFLAGS, [EQUAL]),
    list(TAG.PROVIDEVERSION, [`${version}-${release}`]),
    text(TAG.ENCODING, 'utf-8'),
  ]
}

function payloadEntries(payload: Buffer): NewEntry[] {
  return [
    text(TAG.PAYLOADFORMAT, 'cpio'),
    text(TAG.PAYLOADCOMPRESSOR, 'gzip'),
    text(TAG.PAYLOADFLAGS, '9'),
    list(TAG.PAYLOADDIGEST, [createHash('sha256').update(payload).digest('hex')]),
    int32(TAG.PAYLOADDIGESTALGO, [SHA256]),
  ]
}

function requireEntries(requires: readonly Requirement[]): NewEntry[] {
  const stored = [
    ...requires.map(({ name, comparison, version }) => ({
      name,
      flags: SENSE[comparison],
      version: comparison === '' ? '' : version,
    })),
    ...featuresFor(requires),
  ]
  const key = (one: (typeof stored)[number]): string =>
    [one.name, one.version, one.flags].join('\0')
  // rpmbuild also sorts and deduplicates its entries.
  const unique = [...new Map(stored.map((one) => [key(one), one])).entries()]
    .toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([, one]) => one)
  return [
    int32(
      TAG.REQUIREFLAGS,
      unique.map(({ flags }) => flags),
    ),
    list(
      TAG.REQUIRENAME,
      unique.map(({ name }) => name),
    ),
    list(
      TAG.REQUIREVERSION,
      unique.map(({ version }) => version),
    ),
  ]
}

/**
 * Returns the rpmlib() features that rpm must have to read these requirements, so that an older rpm refuses the package instead of
 * misreading it.
 */
function featuresFor(requires: readonly Requirement[]) {
  const versions = requires
    .flatMap((one) => (isRich(one) ? richOperands(one.name) : one))
    .map(({ version }) => version)
  const needs = (character: string): boolean => versions.some((one) => one.includes(character))
  const features = [
    requires.some(isRich) && ['RichDependencies', '4.12.0-1'],
    needs('~') && ['TildeInVersions', '4.10.0-1'],
    needs('^') && ['CaretInVersions', '4.15.0-1'],
  ]
  return features
    .filter((one) => one !== false)
    .map(([feature, version = '']) => ({
      name: `rpmlib(${feature})`,
      flags: RPMLIB | LESS | EQUAL,
      version,
    }))
}

function text(tag: number, value: string): NewEntry {
  return checked(strings(tag, TYPE.STRING, [value]))
}

function translated(tag: number, value: string): NewEntry {
  return checked(strings(tag, TYPE.I18NSTRING, [value]))
}

function list(tag: number, values: string[]): NewEntry {
  return checked(strings(tag, TYPE.STRING_ARRAY, values))
}

/** A NUL inside a value would shift all values after it. */
function checked(entry: NewEntry): NewEntry {
  let ends = 0
  for (const byte of entry.data) if (byte === 0) ends++
  if (ends !== entry.count)
    throw new RpmFormatError(`Cannot write a package: a value of tag ${entry.tag} contains NUL`)
  return entry
}
