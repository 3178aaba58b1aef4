import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bucket, ObjectAttributes } from '@copr/object-store/bucket'

export const SIGNATURE = 'repomd.xml.asc'
const FIELD = 'signature'
/** Maximum size of all user metadata of an object. Source: the S3 API. */
const MAX_METADATA_BYTES = 2048

/** Stores repomd.xml, with its signature in the object's metadata. One request changes both, so no reader sees only one of them changed. */
export async function putSignedIndex(bucket: Bucket, key: string, made: string): Promise<void> {
  const signature = (await readFile(join(made, SIGNATURE))).toString('base64')
  if (signature.length + FIELD.length > MAX_METADATA_BYTES)
    throw new Error(
      `Cannot publish the index: its signature has ${signature.length} characters, S3 allows ${MAX_METADATA_BYTES} bytes of metadata`,
    )
  const repomd = await readFile(join(made, 'repomd.xml'))
  await bucket.put(key, repomd, { metadata: { [FIELD]: signature } })
}

export function signatureIn({ metadata }: ObjectAttributes): Buffer | undefined {
  const signature = metadata[FIELD]
  return signature === undefined ? undefined : Buffer.from(signature, 'base64')
}
