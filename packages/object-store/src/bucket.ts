import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import pMap from 'p-map'
import { composeObject, copySource, type Piece } from './compose.ts'
import { isMissing } from './is-missing.ts'
import { endpointOf, unusable } from './unusable.ts'
import { folderOf, keysBelow, type ListedObject } from './list-objects.ts'

export type { ListedObject } from './list-objects.ts'
export type { Piece } from './compose.ts'

/** The part size for multipart uploads of unknown length. */
const PART_BYTES = 8 * 1024 ** 2
/** The maximum size that one request copies. Source: the S3 API's limit for CopyObject. */
const MAX_COPY_BYTES = 5 * 1024 ** 3
const DELETES_AT_A_TIME = 16
/** Validity of a presigned URL. Clients use it immediately; if dnf retries, it gets a new one. */
const ADDRESS_SECONDS = 3600

export interface ObjectAttributes {
  size: number
  mtime: Date
  etag: string
  metadata: Record<string, string>
}

interface ByteRange {
  start: number
  /** The last byte, inclusive. */
  end: number
}

/** The headers that a client receives with an object. */
export interface ContentHeaders {
  type: string
  /** The Content-Encoding, that is how the stored bytes are compressed. */
  encoding?: 'gzip'
}

interface Content {
  metadata?: Record<string, string>
}

/** The object store operations that Copr needs, which every S3-compatible server has. Keys are relative to the configured prefix. */
export interface Bucket {
  /** Stores small content atomically. */
  put(key: string, data: string | Uint8Array, content?: Content): Promise<void>
  putFile(key: string, path: string): Promise<void>
  /** Uploads a stream of any length; stores nothing if the stream fails. */
  putStream(key: string, stream: Readable, content?: Content): Promise<void>
  head(key: string): Promise<ObjectAttributes | undefined>
  /** Throws an error for which `isMissing()` returns true if the object does not exist or has another ETag. */
  get(key: string, options?: { range?: ByteRange; etag?: string }): Promise<Readable>
  /** Reads an object or a range of it; returns undefined when there is no such object. */
  getBytes(key: string, range?: ByteRange): Promise<Buffer | undefined>
  getFile(key: string, path: string): Promise<void>
  /** Lists all objects whose keys begin with a prefix, sorted by key. */
  list(prefix: string): AsyncGenerator<ListedObject>
  /** Lists the direct children of a folder; `prefix` ends with a slash or is empty. */
  listFolder(prefix: string): Promise<{ files: ListedObject[]; folders: string[] }>
  hasBelow(prefix: string): Promise<boolean>
  /** Copies an object within the store; `size` is the object's size in bytes. */
  copy(from: string, to: string, size: number): Promise<void>
  /** Assembles an object from byte ranges of other objects within the store; only small ranges pass through this process. */
  compose(pieces: Piece[], to: string): Promise<void>
  remove(keys: string[]): Promise<void>
  /** Throws if the bucket cannot be used; the message says how to fix that. */
  check(): Promise<void>
  /** Aborts multipart uploads that began before `before` and that a killed process left behind; returns how many. */
  abortUploads(before: Date): Promise<number>
  /** Returns a presigned URL of an object; undefined unless clients can reach the store. */
  addressOf?: (key: string, content: ContentHeaders) => Promise<string>
  close(): void
}

export interface BucketParts {
  client: S3Client
  /** Signs URLs for clients; undefined when they cannot reach the store. */
  signer: S3Client | undefined
  bucket: string
  prefix: string
}

export function bucketOf({ client, signer, bucket: Bucket, prefix }: BucketParts): Bucket {
  const at = (key: string): { Bucket: string; Key: string } => ({ Bucket, Key: prefix + key })
  const place = { client, bucket: Bucket, prefix }

  async function head(key: string): Promise<ObjectAttributes | undefined> {
    try {
      const found = await client.send(new HeadObjectCommand(at(key)))
      return {
        size: found.ContentLength ?? 0,
        mtime: found.LastModified ?? new Date(0),
        etag: found.ETag ?? '',
        metadata: found.Metadata ?? {},
      }
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  async function get(
    key: string,
    { range, etag }: { range?: ByteRange; etag?: string } = {},
  ): Promise<Readable> {
    const { Body } = await client.send(
      new GetObjectCommand({
        ...at(key),
        ...(range ? { Range: `bytes=${range.start}-${range.end}` } : {}),
        ...(etag === undefined ? {} : { IfMatch: etag }),
      }),
    )
    return (Body as Readable | undefined) ?? Readable.from([])
  }

  async function putStream(key: string, stream: Readable, { metadata }: Content = {}) {
    const params = { ...at(key), Body: stream, ...(metadata ? { Metadata: metadata } : {}) }
    await new Upload({ client, params, partSize: PART_BYTES, queueSize: 2 }).done()
  }

  /** Copies an object. Its metadata is kept only if a single request can copy it. */
  async function copy(from: string, to: string, size: number): Promise<void> {
    const whole = { key: from, start: 0, length: size, isWhole: true }
    if (size > MAX_COPY_BYTES) return await composeObject(place, [whole], to)
    await client.send(new CopyObjectCommand({ ...at(to), CopySource: copySource(place, from) }))
  }

  return {
    head,
    get,
    putStream,
    copy,
    async put(key, data, { metadata } = {}) {
      const more = metadata ? { Metadata: metadata } : {}
      // For an empty string, the SDK would not send a length.
      const Body = Buffer.from(data)
      await client.send(new PutObjectCommand({ ...at(key), Body, ...more }))
    },
    async putFile(key, path) {
      const { size } = await stat(path)
      if (size > PART_BYTES) return await putStream(key, createReadStream(path))
      const body = { Body: createReadStream(path), ContentLength: size }
      await client.send(new PutObjectCommand({ ...at(key), ...body }))
    },
    async getBytes(key, range) {
      try {
        return Buffer.concat(await (await get(key, range ? { range } : {})).toArray())
      } catch (error) {
        if (isMissing(error)) return undefined
        throw error
      }
    },
    getFile: async (key, path) => await pipeline(await get(key), createWriteStream(path)),
    list: (below) => keysBelow(place, below),
    listFolder: (below) => folderOf(place, below),
    async hasBelow(below) {
      const { value } = await keysBelow(place, below, 1).next()
      return value !== undefined
    },
    async compose(pieces, to) {
      const [only, ...more] = pieces
      if (only?.isWhole && more.length === 0) await copy(only.key, to, only.length)
      else await composeObject(place, pieces, to)
    },
    async remove(keys) {
      // Each object is deleted with its own request, because some servers do not support deleting a list of objects, or expect another
      // digest of the list.
      await pMap(
        keys,
        async (key) => {
          await client.send(new DeleteObjectCommand(at(key)))
        },
        { concurrency: DELETES_AT_A_TIME },
      )
    },
    async check() {
      await client.send(new HeadBucketCommand({ Bucket })).catch(async (error: unknown) => {
        throw unusable(error, { bucket: Bucket, endpoint: await endpointOf(client) })
      })
    },
    async abortUploads(before) {
      const listed = await client.send(
        new ListMultipartUploadsCommand({ Bucket, ...(prefix ? { Prefix: prefix } : {}) }),
      )
      const stale = (listed.Uploads ?? []).filter(
        ({ Initiated }) => Initiated && Initiated < before,
      )
      for (const { Key, UploadId } of stale)
        await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
      return stale.length
    },
    ...(signer
      ? {
          addressOf: async (key: string, { type, encoding }: ContentHeaders) =>
            await getSignedUrl(
              signer,
              new GetObjectCommand({
                ...at(key),
                ResponseContentType: type,
                ...(encoding ? { ResponseContentEncoding: encoding } : {}),
              }),
              { expiresIn: ADDRESS_SECONDS },
            ),
        }
      : {}),
    close() {
      client.destroy()
      signer?.destroy()
    },
  }
}
