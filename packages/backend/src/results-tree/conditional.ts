import type { Range, StoredFile } from '../store/results-store.ts'

/** Returns whether the client already has the current version, according to RFC 9110 section 13.2.2. */
export function isUnchanged(headers: Headers, etag: string, mtime: Date): boolean {
  const match = headers.get('if-none-match')
  if (match !== null)
    return match.split(',').some((each) => ['*', etag, `W/${etag}`].includes(each.trim()))
  const since = Date.parse(headers.get('if-modified-since') ?? '')
  return Number.isFinite(since) && Math.floor(mtime.getTime() / 1000) * 1000 <= since
}

/**
 * Returns the requested range; undefined for the whole file (also if several ranges are requested); `none` for a range outside of the file.
 */
export function rangeOf(
  headers: Headers,
  { size, etag, mtime }: Pick<StoredFile, 'size' | 'etag' | 'mtime'>,
): Range | 'none' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(headers.get('range')?.trim() ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined
  const condition = headers.get('if-range')
  if (condition !== null && condition !== etag && condition !== mtime.toUTCString())
    return undefined
  if (first === '') {
    const count = Math.min(Number(last), size)
    return count === 0 ? 'none' : { start: size - count, end: size - 1 }
  }
  const start = Number(first)
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1)
  if (last !== '' && Number(last) < start) return undefined
  return start >= size ? 'none' : { start, end }
}
