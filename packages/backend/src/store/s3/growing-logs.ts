import { randomUUID } from 'node:crypto'
import { pipeline, Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { CoprError } from '@copr/process/errors'
import type { Bucket, Piece } from '@copr/object-store/bucket'
import { isMissing } from '@copr/object-store/is-missing'
import { type Appended, type Body, checkSize, chunksOf, NewestRequest } from '../append.ts'
import type { ResultsPath } from '../paths.ts'
import { growingKey, growingPrefix, resultKey } from './keys.ts'
import {
  bytesOf,
  type Fragment,
  fragmentName,
  fragmentsBelow,
  type ScatteredFile,
  scatteredFile,
} from './scattered-file.ts'

/** Received bytes are stored as a fragment once they reach this size. Agents send at most this much per request. */
const CHUNK_BYTES = 1024 ** 2
/**
 * Number of fragments of one level that are merged into one fragment of the next level. A log of a million requests thus has about a
 * hundred objects.
 */
const MERGED = 32
/** Maximum size of a merged fragment. For a larger one, copying would cost more than another object. */
const MAX_MERGED_BYTES = 32 * 1024 ** 2
/** Number of growing logs whose fragments are cached. Without the cache, each request would have to list them. */
const REMEMBERED = 2_000
/** Time after which a request counts as hung: much shorter than a lease. */
const HUNG_MS = 2_000
/** The log that several processes write. Its fragments therefore have no offsets and are ordered by time. */
const NOTES = 'backend.log'

export interface GrowingLogs {
  find(path: string, name: string): Promise<(ScatteredFile & { mtime: Date }) | undefined>
  append(path: ResultsPath, name: string, body: Body, limits: Limits): Promise<Appended>
  note(path: ResultsPath, line: string): Promise<void>
  setAside(path: ResultsPath, name: string): Promise<void>
  seal(path: ResultsPath, names: string[]): Promise<void>
}

interface Limits {
  offset: number
  max_size: number
  isWanted?: () => Promise<boolean>
}

/** Stores logs that can be read while they grow. Each request adds an object, and small objects are merged from time to time. */
export function growingLogs(bucket: Bucket): GrowingLogs {
  const newest = new NewestRequest()
  const remembered = new Map<string, Fragment[]>()

  /** Lists the fragments of a log; `folder` is their common key prefix, as described in keys.ts. */
  async function load(folder: string): Promise<ScatteredFile> {
    const fragments = await fragmentsBelow(bucket, folder)
    return isNotes(folder) ? inOrder(fragments) : scatteredFile(fragments)
  }

  function remember(folder: string, fragments: Fragment[]): void {
    remembered.delete(folder)
    remembered.set(folder, fragments)
    const [oldest] = remembered.keys()
    if (remembered.size > REMEMBERED && oldest !== undefined) remembered.delete(oldest)
  }

  async function appendTo(
    folder: string,
    body: Body,
    { offset, max_size, isWanted = async () => true }: Limits,
    stop: AbortSignal,
  ): Promise<Appended> {
    const began = performance.now()
    let known = scatteredFile(remembered.get(folder) ?? [])
    if (known.size !== offset || offset === 0) known = await load(folder)
    let { size } = known
    if (size !== offset) return { at_offset: false, size }
    const fragments = [...known.fragments]
    let chunks: Uint8Array[] = []
    let start = size
    const flush = async (): Promise<void> => {
      const data = Buffer.concat(chunks)
      if (data.length === 0) return
      // A request that has hung for so long may come from a builder that has lost its task; its bytes would not belong in this log.
      if (performance.now() - began > HUNG_MS && !(await isWanted()))
        throw new CoprError('conflict', 'Cannot continue the log: the lease has expired')
      fragments.push(await putFragment(bucket, folder, { start, level: 0, data }))
      chunks = []
      start += data.length
    }
    for await (const chunk of chunksOf(body, stop)) {
      checkSize(size + chunk.length, max_size)
      chunks.push(chunk)
      size += chunk.length
      if (size - start >= CHUNK_BYTES) await flush()
    }
    await flush()
    remember(folder, await merged(bucket, folder, fragments))
    return { at_offset: !stop.aborted, size }
  }

  async function forget(folder: string, fragments: Fragment[]): Promise<void> {
    remembered.delete(folder)
    // The first fragment is removed first. If the process crashes then, the remaining fragments begin with a gap and do not count as a log.
    const [first, ...rest] = fragments.toSorted((a, b) => a.start - b.start)
    if (first) await bucket.remove([first.key])
    await bucket.remove(rest.map(({ key }) => key))
  }

  return {
    async find(path, name) {
      const file = await load(`${path}/.${name}/`)
      if (file.fragments.length === 0) return undefined
      const mtime = Math.max(...file.fragments.map((each) => each.mtime.getTime()))
      return { ...file, mtime: new Date(mtime) }
    },
    append: async (path, name, body, limits) => {
      const folder = growingKey(path, name)
      return await newest.run(folder, (stop) => appendTo(folder, body, limits, stop))
    },
    async note(path, line) {
      // The time is in microseconds, so that the notes of each process stay in order.
      const start = Math.floor((performance.timeOrigin + performance.now()) * 1000)
      const data = Buffer.from(`${line}\n`)
      await putFragment(bucket, growingKey(path, NOTES), { start, level: 0, data })
    },
    async setAside(path, name) {
      const folder = growingKey(path, name)
      const { fragments, pieces } = await load(folder)
      if (fragments.length === 0) return
      const aside = `${resultKey(path, 'prev_build_backup')}/${name}`
      if (pieces.length > 0) await bucket.compose(pieces, aside)
      await forget(folder, fragments)
    },
    async seal(path, names) {
      // Most folders have no growing log and are checked several times, so the fragments of all logs are listed with one request.
      const all = await fragmentsBelow(bucket, growingPrefix(path))
      for (const name of names) {
        const folder = growingKey(path, name)
        const fragments = all.filter(({ key }) => key.startsWith(folder))
        if (fragments.length === 0) continue
        try {
          await pack(bucket, { key: `${resultKey(path, name)}.gz`, folder, fragments })
        } catch (error) {
          // Another process has compressed the log, and is removing its fragments.
          if (isMissing(error)) continue
          throw error
        }
        await forget(folder, fragments)
      }
    },
  }
}

const isNotes = (folder: string): boolean => folder.endsWith(`/.${NOTES}/`)

/** Joins all fragments, ordered by time. */
function inOrder(fragments: Fragment[]): ScatteredFile {
  const sorted = fragments.toSorted((a, b) => a.start - b.start || (a.key < b.key ? -1 : 1))
  const pieces = sorted.map(({ key, size }): Piece => ({
    key,
    start: 0,
    length: size,
    isWhole: true,
  }))
  return { fragments, pieces, size: pieces.reduce((sum, { length }) => sum + length, 0) }
}

/**
 * Adds fragments to the compressed log. Its metadata records how much of the log it covers, so that a process which continues
 * after a crash, or runs at the same time, adds nothing twice.
 */
async function pack(
  bucket: Bucket,
  { key, folder, fragments }: { key: string; folder: string; fragments: Fragment[] },
): Promise<void> {
  // Read after the fragments were listed: if some have already been removed, the compressed log covers them.
  const packed = await bucket.head(key)
  const done = Number(packed?.metadata['sealed'] ?? 0)
  const file = isNotes(folder)
    ? inOrder(fragments.filter(({ start }) => start > done))
    : scatteredFile(fragments, done)
  if (file.pieces.length === 0) return
  const sealed = isNotes(folder) ? Math.max(...fragments.map(({ start }) => start)) : file.size
  // A concatenation of gzip files is a valid gzip file.
  async function* all(): AsyncGenerator<Buffer> {
    if (packed) yield* (await bucket.get(key, { etag: packed.etag })) as AsyncIterable<Buffer>
    const gzip = createGzip()
    // An error while reading the fragments also destroys `gzip`, so that the upload fails.
    pipeline(Readable.from(bytesOf(bucket, file.pieces)), gzip, () => undefined)
    yield* gzip as AsyncIterable<Buffer>
  }
  await bucket.putStream(key, Readable.from(all()), { metadata: { sealed: String(sealed) } })
}

async function putFragment(
  bucket: Bucket,
  folder: string,
  { start, level, data }: { start: number; level: number; data: Buffer },
): Promise<Fragment> {
  const key = folder + fragmentName(start, `${level}-${randomUUID().slice(0, 8)}`)
  await bucket.put(key, data)
  return { key, start, size: data.length, mtime: new Date(), etag: '' }
}

/** Merges the last fragments if there are enough of the same level; returns the resulting list of fragments. */
async function merged(bucket: Bucket, folder: string, fragments: Fragment[]): Promise<Fragment[]> {
  const last = fragments.slice(-MERGED)
  const level = levelOf(last.at(-1))
  const size = last.reduce((sum, each) => sum + each.size, 0)
  const isDue =
    last.length === MERGED &&
    size <= MAX_MERGED_BYTES &&
    last.every((each, at) => levelOf(each) === level && isNext(last[at - 1], each))
  if (!isDue) return fragments
  try {
    const { pieces } = scatteredFile(last, last[0]?.start)
    const data = Buffer.concat(await Array.fromAsync(bytesOf(bucket, pieces)))
    const start = last[0]?.start ?? 0
    const one = await putFragment(bucket, folder, { start, level: level + 1, data })
    await bucket.remove(last.map(({ key }) => key))
    return await merged(bucket, folder, [...fragments.slice(0, -MERGED), one])
  } catch (error) {
    // Another process has already merged them.
    if (isMissing(error)) return []
    throw error
  }
}

const isNext = (before: Fragment | undefined, each: Fragment): boolean =>
  !before || before.start + before.size === each.start

function levelOf(fragment: Fragment | undefined): number {
  return Number(/-(\d+)-[^/]*$/.exec(fragment?.key ?? '')?.[1] ?? 0)
}
