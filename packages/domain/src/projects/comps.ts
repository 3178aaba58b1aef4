import { CoprError } from '@copr/process/errors'

/** Fedora's own is a third of it. */
export const MAX_COMPS_BYTES = 4 * 1024 * 1024
const MAX_DEPTH = 100

/** One piece of XML after the other; what matches none of these is not XML. */
const PIECE =
  /<!--(?:[^-]|-(?!-))*-->|<\?[^?]*(?:\?(?!>)[^?]*)*\?>|<!DOCTYPE\s[^<>[\]]*>|<!\[CDATA\[[^\]]*(?:\](?!\]>)[^\]]*)*\]\]>|<\/([A-Za-z_][\w.:-]*)\s*>|<([A-Za-z_][\w.:-]*)((?:\s+[A-Za-z_][\w.:-]*\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|[^<]+/y

/**
 * Refuses what is no comps file. Users' dnf reads it with all trust, so nothing may be in it that a parser expands or
 * fetches: no entities but XML's own, no declarations.
 */
export function checkComps(xml: string): void {
  if (Buffer.byteLength(xml) > MAX_COMPS_BYTES)
    throw new CoprError('too_large', `upload_comps: longer than ${MAX_COMPS_BYTES} bytes`)
  if (/[^\P{Cc}\t\n\r]|\ufffd/u.test(xml) || !xml.isWellFormed())
    fault('it has characters that XML does not allow')
  const text = xml.replace(/^\ufeff/, '')
  const open: string[] = []
  let root: string | undefined
  PIECE.lastIndex = 0
  while (PIECE.lastIndex < text.length) {
    const at = PIECE.lastIndex
    const [piece, end, start, attributes = '', empty] = PIECE.exec(text) ?? fault(whereOf(text, at))
    if (end !== undefined) {
      if (open.pop() !== end) fault(`${whereOf(text, at)}: </${end}> closes nothing`)
    } else if (start !== undefined) {
      if (open.length === 0 && root !== undefined) fault('it has more than one root element')
      root ??= start
      checkEntities(attributes, text, at)
      if (!empty) open.push(start)
      if (open.length > MAX_DEPTH) fault('its elements are too deep')
    } else if (!piece.startsWith('<')) {
      if (open.length === 0 && piece.trim() !== '') fault(`${whereOf(text, at)}: text outside`)
      checkEntities(piece, text, at)
    }
  }
  if (open.length > 0) fault(`<${open.at(-1)}> is not closed`)
  if (root !== 'comps') fault('its root element is not <comps>')
}

function checkEntities(text: string, whole: string, at: number): void {
  if (/&(?!(amp|lt|gt|quot|apos|#\d{1,7}|#x[\da-fA-F]{1,6});)/.test(text))
    fault(`${whereOf(whole, at)}: an entity that XML does not have`)
}

function whereOf(text: string, at: number): string {
  return `line ${text.slice(0, at).split('\n').length}`
}

function fault(what: string): never {
  throw new CoprError('invalid', `upload_comps: not a comps file: ${what}`)
}
