import { CoprError } from '@copr/process/errors'

/** Maximum number of form fields. No form of this site has that many fields, and no list that clients send as a form is that long. */
export const MAX_FIELDS = 2000
/** Maximum number of values in a JSON body. A webhook for a push of 2,000 commits has about 60,000. */
const MAX_VALUES = 200_000
const MAX_DEPTH = 64

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c

/** Throws if a form has too many fields; the number of fields is the number of separators plus `surplus`. */
export function requireFewFields(body: Buffer, separator: string, surplus: 1 | -1): void {
  let count: number = surplus
  for (let at = body.indexOf(separator); at !== -1; at = body.indexOf(separator, at + 1))
    if (++count > MAX_FIELDS) throw tooManyFields()
}

export function tooManyFields(): CoprError {
  return new CoprError(
    'invalid',
    `Cannot read the request: it has more than ${MAX_FIELDS} fields, which is the limit`,
  )
}

/** Throws if a JSON text has too many values or is nested too deeply; runs before the text is parsed. */
export function requireSmallJson(text: string): void {
  let depth = 0
  let values = 1
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) i = endOfString(text, i + 1)
    else if (code === COMMA) values++
    else if (code === 0x5b || code === 0x7b) {
      values++
      if (++depth > MAX_DEPTH)
        throw new CoprError(
          'invalid',
          `Cannot read the request: its JSON is nested more than ${MAX_DEPTH} levels deep`,
        )
    } else if (code === 0x5d || code === 0x7d) depth--
    if (values > MAX_VALUES)
      throw new CoprError(
        'invalid',
        `Cannot read the request: its JSON has more than ${MAX_VALUES} values`,
      )
  }
}

/** The index of the quote that ends a string. */
function endOfString(text: string, start: number): number {
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) return i
    if (code === BACKSLASH) i++
  }
  return text.length
}
