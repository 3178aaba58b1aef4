const AMPERSAND = 0x26
const EQUALS = 0x3d
const PLUS = 0x2b
const PERCENT = 0x25
const SPACE = 0x20

/**
 * Parses the fields of a form according to the URL standard. URLSearchParams is not used because it concatenates many pieces of text: 8 MiB
 * with many spaces or escapes would block all requests for seconds.
 */
export function urlEncodedFields(body: Uint8Array): [string, string][] {
  const fields: [string, string][] = []
  for (let start = 0; start <= body.length;) {
    const found = body.indexOf(AMPERSAND, start)
    const end = found === -1 ? body.length : found
    const field = body.subarray(start, end)
    if (field.length > 0) {
      const equals = field.indexOf(EQUALS)
      const name = equals === -1 ? field : field.subarray(0, equals)
      const value = equals === -1 ? field.subarray(0, 0) : field.subarray(equals + 1)
      fields.push([decoded(name), decoded(value)])
    }
    start = end + 1
  }
  return fields
}

function decoded(escaped: Uint8Array): string {
  const bytes = Buffer.allocUnsafe(escaped.length)
  let length = 0
  for (let i = 0; i < escaped.length; i++) {
    const byte = escaped[i] ?? 0
    const value = byte === PERCENT ? hexAt(escaped, i + 1) : -1
    if (value >= 0) {
      bytes[length++] = value
      i += 2
    } else bytes[length++] = byte === PLUS ? SPACE : byte
  }
  return bytes.toString('utf8', 0, length)
}

/** Decodes the byte that two hexadecimal digits stand for; negative if they are not hexadecimal digits. */
function hexAt(bytes: Uint8Array, at: number): number {
  const high = digitOf(bytes[at])
  const low = digitOf(bytes[at + 1])
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

function digitOf(code: number | undefined): number {
  if (code === undefined) return -1
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
