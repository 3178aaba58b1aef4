import { isUtf8 } from 'node:buffer'
import type { HeaderBlock, HeaderEntry } from './header-block.ts'
import { TAG, TYPE } from './tags.ts'

/** Number of changelog entries per package in repository metadata: the newest ones are included. */
export const CHANGELOG_ENTRIES_SHOWN = 10

interface ShownTag {
  tag: number
  what: string
  /** createrepo_c crashes if the strings of this tag are not stored as an array. */
  mustBeArray?: boolean
  /** Maximum number of values that the metadata includes. */
  limit?: number
}

const DEPENDENCIES = {
  REQUIRE: 'requirement',
  PROVIDE: 'provide',
  CONFLICT: 'conflict',
  OBSOLETE: 'obsolete',
  RECOMMEND: 'recommendation',
  SUGGEST: 'suggestion',
  SUPPLEMENT: 'supplement',
  ENHANCE: 'enhancement',
} as const

/** The strings of a header that repository metadata includes. */
const SHOWN: ShownTag[] = [
  { tag: TAG.NAME, what: 'name' },
  { tag: TAG.VERSION, what: 'version' },
  { tag: TAG.RELEASE, what: 'release' },
  { tag: TAG.ARCH, what: 'architecture' },
  { tag: TAG.SUMMARY, what: 'summary' },
  { tag: TAG.DESCRIPTION, what: 'description' },
  { tag: TAG.BUILDHOST, what: 'build host' },
  { tag: TAG.VENDOR, what: 'vendor' },
  { tag: TAG.LICENSE, what: 'license' },
  { tag: TAG.PACKAGER, what: 'packager' },
  { tag: TAG.GROUP, what: 'group' },
  { tag: TAG.URL, what: 'URL' },
  { tag: TAG.SOURCERPM, what: 'source package' },
  { tag: TAG.OLDFILENAMES, what: 'file list', mustBeArray: true },
  { tag: TAG.BASENAMES, what: 'file list', mustBeArray: true },
  { tag: TAG.DIRNAMES, what: 'list of directories', mustBeArray: true },
  { tag: TAG.CHANGELOGNAME, what: 'changelog author', limit: CHANGELOG_ENTRIES_SHOWN },
  { tag: TAG.CHANGELOGTEXT, what: 'changelog', limit: CHANGELOG_ENTRIES_SHOWN },
  ...Object.entries(DEPENDENCIES).flatMap(([kind, what]) => {
    const key = kind as keyof typeof DEPENDENCIES
    return [
      { tag: TAG[`${key}NAME`], what: `list of ${what}s` },
      { tag: TAG[`${key}VERSION`], what: `list of ${what}s` },
    ]
  }),
]

/**
 * Returns why repository metadata cannot describe a package; undefined if it can. XML cannot represent most control characters:
 * createrepo_c leaves out a package that contains one. Other invalid text makes the metadata of the whole repository unreadable.
 */
export function metadataFault(header: HeaderBlock): string | undefined {
  for (const { tag, what, mustBeArray = false, limit } of SHOWN) {
    const entry = header.entries.get(tag)
    if (!entry) continue
    if (mustBeArray && entry.type !== TYPE.STRING_ARRAY)
      return `its ${what} is not stored as an array of strings`
    const fault = textFault(limit === undefined ? entry.data : firstValues(entry, limit))
    if (fault !== undefined)
      return `its ${what} contains ${fault}, which repository metadata cannot hold`
  }
  return undefined
}

/** Returns the bytes of the first `limit` strings. */
function firstValues({ data }: HeaderEntry, limit: number): Buffer {
  let end = 0
  for (let i = 0; i < limit && end < data.length; i++) end = data.indexOf(0, end) + 1
  return data.subarray(0, end)
}

/** Matches characters that are valid in UTF-8, but not in XML 1.0. NUL separates the strings of an entry. */
// oxlint-disable-next-line no-control-regex -- control characters are what this finds
const UNREPRESENTABLE = /[\x01-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/

function textFault(data: Buffer): string | undefined {
  const text = data.toString('utf8')
  const found = UNREPRESENTABLE.exec(text)?.[0]
  if (found !== undefined)
    return `the ${found < ' ' ? 'control character' : 'noncharacter'} ${codePoint(found.charCodeAt(0))}`
  return isUtf8(data) ? undefined : encodingFault(data, text)
}

const REPLACEMENT = Buffer.from('\ufffd')

/** Describes the first byte that is not valid UTF-8, which the decoder has replaced with U+FFFD. */
function encodingFault(data: Buffer, text: string): string {
  let at = 0
  for (let from = 0, next = 0; next >= 0; from = next + 1) {
    next = text.indexOf('\ufffd', from)
    at += Buffer.byteLength(text.slice(from, next))
    if (!data.subarray(at, at + REPLACEMENT.length).equals(REPLACEMENT)) break
    at += REPLACEMENT.length
  }
  const [first = 0, second = 0, third = 0] = data.subarray(at, at + 3)
  if (first === 0xed && second >= 0xa0)
    return `the surrogate ${codePoint(0xd000 | ((second & 0x3f) << 6) | (third & 0x3f))}`
  return `the byte 0x${first.toString(16).toUpperCase()} that is not UTF-8`
}

function codePoint(value: number): string {
  return `U+${value.toString(16).toUpperCase().padStart(4, '0')}`
}
