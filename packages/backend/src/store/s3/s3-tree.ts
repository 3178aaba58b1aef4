import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { Bucket, ContentHeaders, ObjectAttributes } from '@copr/object-store/bucket'
import type { Entry, Found, Range, ResultsTree, StoredFile } from '../results-store.ts'
import type { GrowingLogs } from './growing-logs.ts'
import { TREE } from './keys.ts'
import { readScattered } from './scattered-file.ts'
import { SIGNATURE, signatureIn } from './signed-index.ts'

/**
 * Paths with longer keys are not looked up. S3 limits keys to 1,024 bytes (source: the S3 API), and a lookup may append to the key, for
 * example `.gz`.
 */
const MAX_KEY_BYTES = 900
/** Minimum size of a file to which clients are redirected. Sending a smaller file takes no longer than a redirect. */
const MIN_ELSEWHERE_BYTES = 1024 ** 2

/** Returns the public tree in a bucket. */
export function s3Tree(bucket: Bucket, logs: GrowingLogs): ResultsTree {
  async function find(names: string[]): Promise<Found> {
    const key = TREE + names.join('/')
    const name = names.at(-1)
    if (name === undefined) return { kind: 'dir' }
    if (Buffer.byteLength(key) > MAX_KEY_BYTES) return undefined
    const facts = await bucket.head(key)
    if (facts) return { kind: 'file', file: objectFile(bucket, { key, name, facts }) }
    if (name.endsWith('.log')) {
      const log = await logFile(bucket, logs, key)
      // Checked after the fragments were listed: if some have already been removed, the compressed log exists.
      if (await bucket.head(`${key}.gz`)) return { kind: 'packed' }
      if (log) return { kind: 'file', file: log }
    }
    const file = name === SIGNATURE ? await signatureFile(bucket, key) : undefined
    if (file) return { kind: 'file', file }
    return (await bucket.hasBelow(`${key}/`)) ? { kind: 'dir' } : undefined
  }

  async function list(names: string[]): Promise<Entry[]> {
    const folder = TREE + names.map((name) => `${name}/`).join('')
    const { files, folders } = await bucket.listFolder(folder)
    const entries: Entry[] = []
    for (const { key, size, mtime } of files) {
      const name = key.slice(folder.length)
      if (name !== '' && !name.startsWith('.')) entries.push({ name, isDir: false, size, mtime })
      if (name === 'repomd.xml') {
        const signature = await signatureFile(bucket, `${folder}${SIGNATURE}`)
        if (signature) entries.push({ ...signature, isDir: false })
      }
    }
    for (const name of folders) {
      if (!name.startsWith('.')) entries.push({ name, isDir: true, size: 0, mtime: undefined })
      else if (name.endsWith('.log')) {
        const log = await logs.find(folder.slice(0, -1), name.slice(1))
        const isPacked = files.some(({ key }) => key === `${folder}${name.slice(1)}.gz`)
        if (log && !isPacked) entries.push({ ...log, name: name.slice(1), isDir: false })
      }
    }
    return entries
  }

  return { find, list }
}

export function objectFile(
  bucket: Bucket,
  { key, name, facts }: { key: string; name: string; facts: ObjectAttributes },
): StoredFile {
  const { size, mtime, etag } = facts
  const { addressOf } = bucket
  return {
    name,
    size,
    mtime,
    etag,
    // With the ETag, a read of a repomd.xml that has just been replaced cannot mix two versions.
    read: async (range) => webStream(await bucket.get(key, { etag, ...(range ? { range } : {}) })),
    ...(addressOf && size >= MIN_ELSEWHERE_BYTES
      ? { elsewhere: async (content: ContentHeaders) => await addressOf(key, content) }
      : {}),
    close: async () => undefined,
  }
}

/**
 * Finds a log that is still growing. `key` is the key that corresponds to the log's path in the public tree, although no object with this
 * key exists yet.
 */
async function logFile(
  bucket: Bucket,
  logs: GrowingLogs,
  key: string,
): Promise<StoredFile | undefined> {
  const slash = key.lastIndexOf('/')
  const [path, name] = [key.slice(0, slash), key.slice(slash + 1)]
  const later = {
    find: () => logs.find(path, name),
    unpacked: async () => {
      const packed = await bucket.head(`${key}.gz`)
      return packed && unpack(await bucket.get(`${key}.gz`))
    },
  }
  const log = await later.find()
  if (!log) return undefined
  const { size, mtime } = log
  const whole: Range = { start: 0, end: size - 1 }
  return {
    name,
    size,
    mtime,
    etag: `"log-${size.toString(16)}-${mtime.getTime().toString(16)}"`,
    read: async (range) => webStream(readScattered(bucket, log, later, range ?? whole)),
    close: async () => undefined,
  }
}

function unpack(packed: Readable): Readable {
  const unpacked = createGunzip()
  // An error in `packed` also destroys `unpacked`, so that the reader gets the error.
  pipeline(packed, unpacked, () => undefined)
  return unpacked
}

/** Finds an index's signature. It is stored in the metadata of repomd.xml, so that both change atomically. */
async function signatureFile(bucket: Bucket, key: string): Promise<StoredFile | undefined> {
  const facts = await bucket.head(key.replace(/\.asc$/, ''))
  const signature = facts && signatureIn(facts)
  if (!signature) return undefined
  const { mtime, etag } = facts
  return {
    name: SIGNATURE,
    size: signature.length,
    mtime,
    etag,
    read: async ({ start, end } = { start: 0, end: signature.length - 1 }) =>
      webStream(Readable.from([signature.subarray(start, end + 1)])),
    close: async () => undefined,
  }
}

const webStream = (stream: Readable): ReadableStream<Uint8Array> =>
  Readable.toWeb(stream) as ReadableStream<Uint8Array>
