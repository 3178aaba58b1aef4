import { setImmediate } from 'node:timers/promises'
import { CoprError } from '@copr/process/errors'
import { COMPS_ELEMENTS } from './comps-elements.ts'

/** Fedora's comps file is about a third of this size. */
export const MAX_COMPS_BYTES = 4 * 1024 * 1024

/** How many characters are checked before other requests are served; checking this many takes about 5 ms. */
const CHARACTERS_AT_A_TIME = 64 * 1024

/** Maximum number of characters in an attribute's value; real values are much shorter. */
const MAX_VALUE = 1000

/** Matches the next XML token; if it does not match, the text is not XML. */
const PIECE =
  /<!--(?:[^-]|-(?!-))*-->|<\?([A-Za-z_][\w.:-]*)[^?]*(?:\?(?!>)[^?]*)*\?>|<!DOCTYPE\s[^<>[\]]*>|<!\[CDATA\[[^\]]*(?:\](?!\]>)[^\]]*)*\]\]>|<\/([A-Za-z_][\w.:-]*)\s*>|<([A-Za-z_][\w.:-]*)((?:\s+[A-Za-z_][\w.:-]*\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|[^<&]+|&[^;\s&<]{0,20};?/y
const DECLARATION =
  /^<\?xml\s+version\s*=\s*["']1\.\d["'](?:\s+encoding\s*=\s*["'](?:utf-8|us-ascii)["'])?(?:\s+standalone\s*=\s*["'](?:yes|no)["'])?\s*\?>$/i
/** Allows nothing after the name but a system or public identifier, which is never fetched. */
const DOCTYPE = /^<!DOCTYPE\s+comps(?:\s+(?:SYSTEM|PUBLIC\s+["'][^"']*["'])\s+["'][^"']*["'])?\s*>$/

/** The parser's state: its position, the elements that are open at this position, and what has been seen before it. */
interface Reading {
  text: string
  at: number
  open: string[]
  root: string | undefined
  hasDoctype: boolean
}

/**
 * Throws unless the file is well-formed comps XML that contains only the known elements and attributes. Custom entities, declarations,
 * namespaces and processing instructions are refused, because users' dnf trusts the file and browsers render it. Checking a file of the
 * maximum size takes half a second, during which the event loop keeps serving other requests.
 */
export async function checkComps(xml: string): Promise<void> {
  if (Buffer.byteLength(xml) > MAX_COMPS_BYTES)
    throw new CoprError('too_large', `upload_comps: larger than ${MAX_COMPS_BYTES} bytes`)
  if (/[^\P{Cc}\t\n\r]|[\ufffd-\uffff]/u.test(xml) || !xml.isWellFormed())
    fault('it contains characters that XML does not allow')
  const text = xml.replace(/^\ufeff/, '')
  const reading: Reading = { text, at: 0, open: [], root: undefined, hasDoctype: false }
  let yielded_at = 0
  while (reading.at < text.length) {
    if (reading.at - yielded_at > CHARACTERS_AT_A_TIME) {
      yielded_at = reading.at
      await setImmediate()
    }
    PIECE.lastIndex = reading.at
    const match = PIECE.exec(text) ?? faultAt(reading, 'it is not XML')
    readPiece(reading, match)
    reading.at = PIECE.lastIndex
  }
  if (reading.open.length > 0) fault(`<${reading.open.at(-1)}> is not closed`)
  if (reading.root === undefined) fault('its root element is not <comps>')
}

function readPiece(reading: Reading, match: RegExpExecArray): void {
  const [piece, instruction, end, start, attributes = '', empty] = match
  if (end !== undefined) {
    if (reading.open.pop() !== end) faultAt(reading, `</${end}> has no start tag`)
  } else if (start !== undefined) {
    beginElement(reading, start)
    checkAttributes(reading, start, attributes)
    if (!empty) reading.open.push(start)
  } else if (instruction !== undefined) {
    checkInstruction(reading, instruction, piece)
  } else if (piece.startsWith('<!DOCTYPE')) {
    if (reading.root !== undefined || reading.hasDoctype || !DOCTYPE.test(piece))
      faultAt(reading, '<!DOCTYPE is not allowed here, or names more than comps.dtd')
    reading.hasDoctype = true
  } else if (piece.startsWith('<![CDATA[')) {
    checkText(reading, 'character data')
  } else if (!piece.startsWith('<!--')) {
    checkText(reading, piece)
    if (piece.includes(']]>')) faultAt(reading, ']]> ends nothing')
    checkReferences(reading, piece)
  }
}

function beginElement(reading: Reading, name: string): void {
  const parent = reading.open.at(-1)
  if (parent === undefined) {
    if (reading.root !== undefined) faultAt(reading, 'it has more than one root element')
    if (name !== 'comps') faultAt(reading, 'its root element is not <comps>')
    reading.root = name
  } else if (!COMPS_ELEMENTS[parent]?.children?.includes(name))
    faultAt(reading, `<${name.slice(0, 100)}> is not allowed in <${parent}>`)
}

function checkAttributes(reading: Reading, element: string, text: string): void {
  const seen = new Set<string>()
  for (const [, name = '', value = ''] of text.matchAll(/\s([\w.:-]+)\s*=\s*("[^"]*"|'[^']*')/g)) {
    const shown = name.slice(0, 100)
    if (!COMPS_ELEMENTS[element]?.attributes?.includes(name))
      faultAt(reading, `<${element}> has no attribute ${shown}`)
    if (seen.has(name)) faultAt(reading, `<${element}> has the attribute ${shown} twice`)
    seen.add(name)
    if (value.length > MAX_VALUE)
      faultAt(reading, `the attribute ${shown} is longer than ${MAX_VALUE} characters`)
    checkReferences(reading, value)
  }
}

function checkInstruction(reading: Reading, name: string, piece: string): void {
  if (name !== 'xml') faultAt(reading, `the instruction <?${name.slice(0, 100)}`)
  if (reading.at > 0 || !DECLARATION.test(piece))
    faultAt(reading, '<?xml with version and encoding="UTF-8" is allowed only at the beginning')
}

function checkText({ open, ...reading }: Reading, text: string): void {
  const element = open.at(-1)
  if (element === undefined) {
    if (text.trim() !== '') faultAt(reading, 'text outside of <comps>')
  } else if (COMPS_ELEMENTS[element]?.children && text.trim() !== '')
    faultAt(reading, `text in <${element}>`)
}

function checkReferences(reading: Reading, text: string): void {
  for (const [reference] of text.matchAll(/&[^;\s&]{0,20};?/g)) {
    const [, decimal, hexadecimal] =
      /^&(?:amp|lt|gt|quot|apos|#(\d{1,7})|#x([\dA-Fa-f]{1,6}));$/.exec(reference) ??
      faultAt(reading, `${reference} is not an entity of XML`)
    const code = decimal ?? (hexadecimal === undefined ? undefined : `0x${hexadecimal}`)
    if (code !== undefined && !isXmlCharacter(Number(code)))
      faultAt(reading, `${reference} is a character that XML does not allow`)
  }
}

/** Reports whether XML permits the character. Source: XML 1.0, fifth edition, production 2. */
function isXmlCharacter(code: number): boolean {
  if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code > 0xffff && code <= 0x10ffff)
}

function faultAt({ text, at }: Pick<Reading, 'text' | 'at'>, what: string): never {
  fault(`line ${text.slice(0, at).split('\n').length}: ${what}`)
}

function fault(what: string): never {
  throw new CoprError('invalid', `upload_comps: not a comps file: ${what}`)
}
