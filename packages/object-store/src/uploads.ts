import { createReadStream } from 'node:fs'
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Bucket } from './bucket.ts'

/** Files that users uploaded and that are not imported yet: one folder with a random name per upload. The backend removes them. */
export interface Uploads {
  /** Moves a local file into the store. */
  keep(dir: string, name: string, path: string): Promise<void>
  write(dir: string, name: string, data: string | Uint8Array): Promise<void>
  /** Finds a file; returns undefined when there is none. */
  open(dir: string, name: string): Promise<Upload | undefined>
  drop(dir: string): Promise<void>
}

interface Upload {
  size: number
  /** Returns a stream of the content. A file or a connection stays open until the stream is read to its end or canceled. */
  read(): Promise<ReadableStream>
}

export function directoryUploads(root: string): Uploads {
  return {
    async keep(dir, name, path) {
      await mkdir(join(root, dir), { recursive: true })
      await rename(path, join(root, dir, name))
    },
    async write(dir, name, data) {
      await mkdir(join(root, dir), { recursive: true })
      await writeFile(join(root, dir, name), data)
    },
    async open(dir, name) {
      const path = join(root, dir, name)
      const stats = await stat(path).catch(() => undefined)
      if (!stats?.isFile()) return undefined
      return { size: stats.size, read: async () => webStream(createReadStream(path)) }
    },
    drop: (dir) => rm(join(root, dir), { recursive: true, force: true }),
  }
}

/** Returns the key of an upload; the backend uses the same layout. */
const uploadKey = (dir: string, name = ''): string => `uploads/${dir}/${name}`

export function bucketUploads(bucket: Bucket): Uploads {
  return {
    async keep(dir, name, path) {
      await bucket.putFile(uploadKey(dir, name), path)
      await rm(path)
    },
    write: (dir, name, data) => bucket.put(uploadKey(dir, name), data),
    async open(dir, name) {
      const key = uploadKey(dir, name)
      const facts = await bucket.head(key)
      return facts && { size: facts.size, read: async () => webStream(await bucket.get(key)) }
    },
    async drop(dir) {
      const keys: string[] = []
      for await (const { key } of bucket.list(uploadKey(dir))) keys.push(key)
      await bucket.remove(keys)
    },
  }
}

const webStream = (stream: Readable): ReadableStream =>
  Readable.toWeb(stream) as unknown as ReadableStream
