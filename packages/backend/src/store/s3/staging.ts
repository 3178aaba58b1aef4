import { createHash, type Hash, randomUUID } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import type { Bucket, Piece } from '@copr/object-store/bucket'
import type { ResultFile } from '@copr/contract/builder-protocol'
import { CoprError } from '@copr/process/errors'
import pMap from 'p-map'
import { type Appended, type Body, chunksOf, NewestRequest } from '../append.ts'
import { checkList, checkFacts, MAX_FILES } from '../staged-files.ts'
import type { StagingKey } from '../results-store.ts'
import { STAGING, stagedKey, stagingKey } from './keys.ts'
import { bytesOf, fragmentName, fragmentOf, scatteredFile } from './scattered-file.ts'
import type { Scratch } from './scratch.ts'

/**
 * Received bytes are stored as a fragment once they reach this size, which is more than the minimum for a part of a multipart upload. Such
 * an upload can have at most 10,000 parts: 78 GiB in fragments of this size.
 */
const FRAGMENT_BYTES = 8 * 1024 ** 2
/** Minimum size of every part of a multipart upload except the last. Source: the S3 API. */
const MIN_PART_BYTES = 5 * 1024 ** 2
const COPIES_AT_A_TIME = 8
const REMEMBERED = 10_000

interface StagedFile {
  pieces: Piece[]
  size: number
  /** Identifies the content: the ID changes when the content does. */
  id: string
  /** The object that replaces the first `replaced` bytes of the upload, if any. */
  head: { key: string; replaced: number } | undefined
}

interface Limits {
  offset: number
  max_total: number
}

interface Receiving {
  offset: number
  onBytes: (count: number) => void
  onStored: (count: number) => void
}

export interface Staging {
  stage(key: StagingKey, name: string, body: Body, limits: Limits): Promise<Appended>
  verify(key: StagingKey, files: ResultFile[]): Promise<void>
  withFile<T>(key: StagingKey, name: string, use: (path: string) => Promise<T>): Promise<T>
  changeHead(
    key: StagingKey,
    name: string,
    change: (path: string) => Promise<number>,
  ): Promise<void>
  /** Makes one object of each staged file, under the key that `to` returns. */
  compose(key: StagingKey, names: string[], to: (name: string) => string): Promise<void>
  /**
   * Returns the path of a local file with the content of a composed object, if this process has composed the object and still has the file.
   */
  sourceOf(key: string): string | undefined
  drop(key: StagingKey): Promise<void>
  list(): Promise<StagingKey[]>
}

/**
 * Stores uploads of agents. They are kept in the bucket, so that an agent can continue an upload with another replica of the backend. Each
 * file is a folder of fragments, from which the store composes one object when the file is published.
 */
export function stagingIn(bucket: Bucket, scratch: Scratch, max_remembered = REMEMBERED): Staging {
  const newest = new NewestRequest()
  const totals = new Map<string, Promise<{ bytes: number }>>()
  /** Digests of files that this process has received completely, from the first byte on, so that they need not be read again. */
  const digests = new Map<string, { size: number; hash: Hash }>()
  /** IDs of staged files, by the key of the object that was composed from each. */
  const sources = new Map<string, string>()

  /**
   * Caches a value and drops the oldest one beyond the limit. The cache is limited because another process may publish and drop the files
   * that this one has received.
   */
  function remember<T>(all: Map<string, T>, key: string, value: T): void {
    all.delete(key)
    all.set(key, value)
    const [oldest] = all.keys()
    if (all.size > max_remembered && oldest !== undefined) all.delete(oldest)
  }

  async function findAll(key: StagingKey): Promise<Map<string, StagedFile>> {
    const prefix = stagingKey(key)
    const objects = new Map<string, ObjectOfFile[]>()
    for await (const object of bucket.list(prefix)) {
      const name = object.key.slice(prefix.length).split('/')[0] ?? ''
      objects.set(name, [...(objects.get(name) ?? []), object])
    }
    return new Map([...objects].map(([name, all]) => [name, stagedFile(all)]))
  }

  async function find(folder: string): Promise<StagedFile | undefined> {
    const objects = await Array.fromAsync(bucket.list(folder))
    return objects.length === 0 ? undefined : stagedFile(objects)
  }

  async function totalOf(key: StagingKey): Promise<{ bytes: number }> {
    const files = [...(await findAll(key)).values()]
    if (files.length > MAX_FILES)
      throw new CoprError('too_large', `Cannot accept more than ${MAX_FILES} files`)
    return { bytes: files.reduce((sum, { size }) => sum + size, 0) }
  }

  async function receive(
    folder: string,
    body: Body,
    { offset, onBytes, onStored }: Receiving,
    stop: AbortSignal,
  ): Promise<Appended> {
    const before = await find(folder)
    let size = before?.size ?? 0
    if (size !== offset) return { at_offset: false, size }
    const known = offset === 0 ? { size: 0, hash: createHash('sha256') } : digests.get(folder)
    digests.delete(folder)
    let chunks: Uint8Array[] = []
    let start = size
    let writing: Promise<void> | undefined
    const flush = async (): Promise<void> => {
      const data = Buffer.concat(chunks)
      chunks = []
      // While one fragment is being stored, the next is received.
      await writing
      writing = bucket
        .put(folder + fragmentName(start, randomUUID().slice(0, 8)), data)
        .then(() => onStored(data.length))
      writing.catch(() => undefined)
      start += data.length
    }
    try {
      for await (const chunk of chunksOf(body, stop)) {
        onBytes(chunk.length)
        known?.hash.update(chunk)
        chunks.push(chunk)
        size += chunk.length
        if (size - start >= FRAGMENT_BYTES) await flush()
      }
      // Even an empty file has a fragment.
      if (size > start || !before) await flush()
      await writing
    } catch (error) {
      // Waits for a fragment that is still being stored, so that the next request sees all stored bytes.
      await writing?.catch(() => undefined)
      throw error
    }
    if (known?.size === offset) remember(digests, folder, { size, hash: known.hash })
    return { at_offset: !stop.aborted, size }
  }

  async function digestOf(folder: string, { pieces, size }: StagedFile): Promise<string> {
    const known = digests.get(folder)
    if (known?.size === size) return known.hash.copy().digest('hex')
    const hash = createHash('sha256')
    for await (const chunk of bytesOf(bucket, pieces)) hash.update(chunk)
    return hash.digest('hex')
  }

  async function needed(key: StagingKey, name: string): Promise<StagedFile> {
    const file = await find(stagedKey(key, name))
    if (!file)
      throw new Error(`Cannot use the staged file ${name} of task ${key.task}: it no longer exists`)
    return file
  }

  const scratchFile = ({ id, size, pieces }: StagedFile) => ({
    id,
    size,
    fetch: async (path: string): Promise<void> => {
      await using file = await open(path, 'wx', 0o600)
      await file.writeFile(bytesOf(bucket, pieces))
    },
  })

  return {
    async stage(key, name, body, { offset, max_total }) {
      const lease = stagingKey(key)
      const folder = stagedKey(key, name)
      return await newest.run(folder, async (stop) => {
        const counted = totals.get(lease) ?? totalOf(key)
        remember(totals, lease, counted)
        // A failed count is not cached.
        counted.catch(() => totals.delete(lease))
        const total = await counted
        let pending = 0
        const onBytes = (count: number): void => {
          pending += count
          total.bytes += count
          if (total.bytes > max_total)
            throw new CoprError(
              'too_large',
              `Cannot accept more than ${max_total} bytes of results`,
            )
        }
        const onStored = (count: number): void => void (pending -= count)
        try {
          return await receive(folder, body, { offset, onBytes, onStored }, stop)
        } finally {
          // Bytes that were not stored when the request failed do not count, because the agent sends them again.
          total.bytes -= pending
        }
      })
    },
    async verify(key, list) {
      checkList(list)
      if (list.length === 0) return
      const files = await findAll(key)
      for (const expected of list) {
        const file = files.get(expected.name)
        const folder = stagedKey(key, expected.name)
        await checkFacts(expected, file?.size, async () =>
          file ? await digestOf(folder, file) : '',
        )
      }
    },
    withFile: async (key, name, use) =>
      await scratch.withFile(scratchFile(await needed(key, name)), use),

    async changeHead(key, name, change) {
      const folder = stagedKey(key, name)
      const before = await needed(key, name)
      await scratch.withFile(scratchFile(before), async (path, rename) => {
        rename(undefined)
        const changed = await change(path)
        digests.delete(folder)
        const { size } = await stat(path)
        const { taken, replaced } = headOf(before, changed)
        await using file = await open(path, 'r')
        const head = Buffer.alloc(taken + size - before.size)
        await file.read(head, 0, head.length, 0)
        await bucket.put(`${folder}head-${String(replaced).padStart(16, '0')}`, head)
        const after = await needed(key, name)
        rename(after.id)
      })
    },
    async compose(key, names, to) {
      const files = names.length > 1 ? await findAll(key) : undefined
      await pMap(
        names,
        async (name) => {
          stagedKey(key, name)
          const { pieces, id } = files?.get(name) ?? (await needed(key, name))
          const made = to(name)
          await bucket.compose(pieces, made)
          remember(sources, made, id)
        },
        { concurrency: COPIES_AT_A_TIME },
      )
    },
    sourceOf(made) {
      const id = sources.get(made)
      return id === undefined ? undefined : scratch.find(id)
    },
    async drop(key) {
      const prefix = stagingKey(key)
      totals.delete(prefix)
      for (const folder of digests.keys()) if (folder.startsWith(prefix)) digests.delete(folder)
      const objects = await Array.fromAsync(bucket.list(prefix))
      await bucket.remove(objects.map((object) => object.key))
    },
    async list() {
      const { folders } = await bucket.listFolder(STAGING)
      const matches = folders.map((name) => /^(\d+)-(.+)$/.exec(name))
      return matches.flatMap((match) =>
        match?.[1] && match[2] ? [{ task: Number(match[1]), lease: match[2] }] : [],
      )
    },
  }
}

interface ObjectOfFile {
  key: string
  size: number
  mtime: Date
  etag: string
}

function stagedFile(objects: ObjectOfFile[]): StagedFile {
  // Each new head replaces at least as many bytes as the one before, so the newest is the one that replaces the most.
  const head = objects
    .flatMap((object) => {
      const digits = /\/head-(\d{16})$/.exec(object.key)?.[1]
      return digits === undefined ? [] : [{ ...object, replaced: Number(digits) }]
    })
    .toSorted((a, b) => b.replaced - a.replaced)[0]
  const fragments = objects.flatMap((object) => fragmentOf(object) ?? [])
  const { pieces, size } = scatteredFile(fragments, head?.replaced ?? 0)
  const first: Piece[] = head ? [{ key: head.key, start: 0, length: head.size, isWhole: true }] : []
  const tags = new Map(objects.map(({ key, etag }) => [key, etag]))
  const all = [...first, ...pieces]
  return {
    pieces: all,
    size: size - (head?.replaced ?? 0) + (head?.size ?? 0),
    id: all
      .map(({ key, start, length }) => `${key} ${tags.get(key)} ${start} ${length}`)
      .join('\n'),
    head,
  }
}

/**
 * Finds how many of the first pieces are needed to contain all changed bytes and to be large enough for a part. Returns the size of these
 * pieces (`taken`), and the number of bytes of the upload that they represent (`replaced`).
 */
function headOf(
  { pieces, head }: StagedFile,
  changed: number,
): { taken: number; replaced: number } {
  let taken = 0
  let replaced = 0
  for (const [at, { length }] of pieces.entries()) {
    if (at > 0 && taken >= changed && taken >= MIN_PART_BYTES) break
    taken += length
    replaced += at === 0 && head ? head.replaced : length
  }
  return { taken, replaced }
}
