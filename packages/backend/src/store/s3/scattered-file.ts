import { Readable } from 'node:stream'
import type { Bucket, ListedObject, Piece } from '@copr/object-store/bucket'
import { isMissing } from '@copr/object-store/is-missing'
import type { Range } from '../results-store.ts'

/** An object that contains the bytes of a file from offset `start` on. */
export interface Fragment {
  key: string
  start: number
  size: number
  mtime: Date
  etag: string
}

/**
 * A file that several requests, possibly to several processes, have stored in fragments. Fragments may overlap but never differ where they
 * do, because only one agent writes the file.
 */
export interface ScatteredFile {
  /** All stored fragments, including those that are not used. */
  fragments: Fragment[]
  /** The file's bytes, each once and without a gap. Bytes after a gap do not count. */
  pieces: Piece[]
  size: number
}

/** Number of attempts to read a log. Each may fail because another process has just merged or compressed the fragments. */
const TRIES = 4

/** Number of digits of an offset: enough for a file of ten petabytes. */
const DIGITS = 16

export function fragmentName(start: number, rest: string): string {
  return `${String(start).padStart(DIGITS, '0')}-${rest}`
}

/** Parses an object's key; returns undefined for an object that is not a fragment. */
export function fragmentOf({ key, size, mtime, etag }: ListedObject): Fragment | undefined {
  const digits = /(?:^|\/)(\d{16})-[^/]*$/.exec(key)?.[1]
  return digits === undefined ? undefined : { key, start: Number(digits), size, mtime, etag }
}

/** Selects the fewest pieces that make up the file from offset `from` on. */
export function scatteredFile(fragments: Fragment[], from = 0): ScatteredFile {
  const sorted = fragments.toSorted((a, b) => a.start - b.start || b.size - a.size)
  const pieces: Piece[] = []
  let size = from
  let best: Fragment | undefined
  const take = (): void => {
    if (!best || best.start + best.size <= size) return
    const start = size - best.start
    const length = best.size - start
    pieces.push({ key: best.key, start, length, isWhole: start === 0 })
    size += length
  }
  for (const fragment of sorted) {
    if (fragment.start > size) take()
    // This fragment is after a gap.
    if (fragment.start > size) break
    if (!best || fragment.start + fragment.size > best.start + best.size) best = fragment
  }
  take()
  return { fragments, pieces, size }
}

/** Returns the portions of `pieces` that are within a byte range of the file. The first piece begins at the file's first byte. */
function within(pieces: Piece[], { start, end }: Range): Piece[] {
  const found: Piece[] = []
  let at = 0
  for (const { key, start: first, length, isWhole } of pieces) {
    const skip = Math.max(0, start - at)
    const taken = Math.min(length, end + 1 - at) - skip
    const piece = { key, start: first + skip, length: taken }
    if (taken > 0) found.push({ ...piece, isWhole: isWhole && taken === length })
    at += length
  }
  return found
}

/** Yields the bytes of the pieces in sequence. */
export async function* bytesOf(bucket: Bucket, pieces: Piece[]): AsyncGenerator<Buffer> {
  for (const { key, start, length } of pieces) {
    if (length === 0) continue
    const range = { start, end: start + length - 1 }
    for await (const chunk of await bucket.get(key, { range })) yield chunk as Buffer
  }
}

export async function fragmentsBelow(bucket: Bucket, prefix: string): Promise<Fragment[]> {
  const found: Fragment[] = []
  for await (const object of bucket.list(prefix)) {
    const fragment = fragmentOf(object)
    if (fragment) found.push(fragment)
  }
  return found
}

/** Finds a log again after its fragments were merged or compressed while it was being read. */
export interface Later {
  /** Returns the log's current pieces, which have changed if fragments were merged. */
  find(): Promise<{ pieces: Piece[] } | undefined>
  /** Returns the decompressed log from its first byte on, if it has been compressed. */
  unpacked(): Promise<Readable | undefined>
}

/** Reads a log to its end, even if its fragments are merged or compressed in the meantime. */
export function readScattered(
  bucket: Bucket,
  file: { pieces: Piece[] },
  later: Later,
  { start, end }: Range,
): Readable {
  async function* read(): AsyncGenerator<Buffer> {
    let { pieces } = file
    let at = start
    for (let tries = 0; at <= end && tries < TRIES; tries++) {
      try {
        for await (const chunk of bytesOf(bucket, within(pieces, { start: at, end }))) {
          at += chunk.length
          tries = 0
          yield chunk
        }
      } catch (error) {
        if (!isMissing(error)) throw error
      }
      if (at > end) return
      pieces = (await later.find())?.pieces ?? []
      const unpacked = await later.unpacked()
      if (unpacked) return yield* cut(unpacked, { start: at, end })
    }
    if (at <= end) throw new Error('Cannot read a log to its end: it was archived in the meantime')
  }
  return Readable.from(read())
}

async function* cut(
  stream: AsyncIterable<Buffer>,
  { start, end }: Range,
): AsyncGenerator<Buffer, undefined> {
  let at = 0
  for await (const chunk of stream) {
    const wanted = chunk.subarray(Math.max(0, start - at), end + 1 - at)
    at += chunk.length
    if (wanted.length > 0) yield wanted
    if (at > end) return
  }
}
