import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import type { Readable } from 'node:stream'
import pMap from 'p-map'
import type { ObjectLocation } from './list-objects.ts'

/** A range of bytes of an object. */
export interface Piece {
  key: string
  start: number
  length: number
  /** Whether the range covers the whole object. */
  isWhole: boolean
}

/**
 * Limits of a multipart upload: the minimum size of every part except the last, the maximum size of a part that is copied in one request,
 * and the maximum number of parts.
 */
export const MIN_PART_BYTES = 5 * 1024 ** 2
const MAX_PART_BYTES = 1024 ** 3
const MAX_PARTS = 10_000
const PARTS_AT_A_TIME = 4

/** One piece that is copied within the store, or small pieces that are downloaded and uploaded as one part. */
export type Part = Piece[]

/** Assembles an object from byte ranges of other objects. */
export async function composeObject(
  place: ObjectLocation,
  pieces: Piece[],
  to: string,
): Promise<void> {
  const { client, bucket: Bucket, prefix } = place
  const at = { Bucket, Key: prefix + to }
  const parts = partsOf(pieces)
  if (parts.length > MAX_PARTS)
    throw new Error(`Cannot compose ${to} from ${parts.length} parts: S3 allows ${MAX_PARTS}`)
  const [only = [], ...more] = parts
  const isSmall = only.reduce((sum, { length }) => sum + length, 0) < MIN_PART_BYTES
  if (more.length === 0 && isSmall) {
    await client.send(new PutObjectCommand({ ...at, Body: await bytesOf(place, only) }))
    return
  }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(at))
  try {
    const Parts = await pMap(
      parts,
      async (part, index) => {
        const numbered = { ...at, UploadId, PartNumber: index + 1 }
        return { PartNumber: index + 1, ETag: await putPart(place, part, numbered) }
      },
      { concurrency: PARTS_AT_A_TIME },
    )
    const complete = { ...at, UploadId, MultipartUpload: { Parts } }
    await client.send(new CompleteMultipartUploadCommand(complete))
  } catch (error) {
    const abort = new AbortMultipartUploadCommand({ ...at, UploadId })
    await client.send(abort).catch(() => undefined)
    throw error
  }
}

async function putPart(
  place: ObjectLocation,
  part: Part,
  numbered: { Bucket: string; Key: string; UploadId: string | undefined; PartNumber: number },
): Promise<string | undefined> {
  const [only, ...more] = part
  if (only && more.length === 0 && only.length >= MIN_PART_BYTES) {
    const CopySourceRange = `bytes=${only.start}-${only.start + only.length - 1}`
    const CopySource = copySource(place, only.key)
    const copied = await place.client.send(
      new UploadPartCopyCommand({ ...numbered, CopySource, CopySourceRange }),
    )
    return copied.CopyPartResult?.ETag
  }
  const Body = await bytesOf(place, part)
  return (await place.client.send(new UploadPartCommand({ ...numbered, Body }))).ETag
}

/** Cuts and groups pieces into parts such that every part except the last is large enough and none is too large. */
export function partsOf(pieces: Piece[]): Part[] {
  const parts: Part[] = []
  let small: Piece[] = []
  let small_bytes = 0
  const flush = (): void => {
    if (small.length > 0) parts.push(small)
    small = []
    small_bytes = 0
  }
  for (let { key, start, length, isWhole } of pieces) {
    while (length > 0) {
      const isCopied = small_bytes === 0 && length >= MIN_PART_BYTES
      const most = isCopied ? MAX_PART_BYTES : MIN_PART_BYTES - small_bytes
      let taken = Math.min(length, most)
      // The remainder of the piece must be large enough for a part of its own.
      if (isCopied && length - taken > 0 && length - taken < MIN_PART_BYTES)
        taken = length - MIN_PART_BYTES
      const piece = { key, start, length: taken, isWhole: isWhole && taken === length }
      if (isCopied) parts.push([piece])
      else {
        small.push(piece)
        small_bytes += taken
        if (small_bytes >= MIN_PART_BYTES) flush()
      }
      start += taken
      length -= taken
    }
  }
  flush()
  return parts
}

async function bytesOf({ client, bucket: Bucket, prefix }: ObjectLocation, part: Part) {
  const all = await pMap(
    part,
    async ({ key, start, length }) => {
      const Range = `bytes=${start}-${start + length - 1}`
      const found = await client.send(new GetObjectCommand({ Bucket, Key: prefix + key, Range }))
      return Buffer.concat(await ((found.Body as Readable | undefined)?.toArray() ?? []))
    },
    { concurrency: PARTS_AT_A_TIME },
  )
  return Buffer.concat(all)
}

/** Returns the value of the header x-amz-copy-source, in which each path segment is percent-encoded. */
export function copySource({ bucket, prefix }: ObjectLocation, key: string): string {
  return `${bucket}/${prefix}${key}`.split('/').map(encodeURIComponent).join('/')
}
