import { ListObjectsV2Command, type S3Client, type _Object } from '@aws-sdk/client-s3'

export interface ListedObject {
  key: string
  size: number
  mtime: Date
  etag: string
}

export interface ObjectLocation {
  client: S3Client
  bucket: string
  prefix: string
}

/** Lists all objects whose keys begin with `below`, sorted by key. */
export async function* keysBelow(
  { client, bucket: Bucket, prefix }: ObjectLocation,
  below: string,
  MaxKeys = 1000,
): AsyncGenerator<ListedObject> {
  let ContinuationToken: string | undefined
  do {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket,
        Prefix: prefix + below,
        MaxKeys,
        ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
      }),
    )
    for (const object of page.Contents ?? []) yield listed(object, prefix)
    ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined
  } while (ContinuationToken !== undefined)
}

/** Lists the files directly in a folder, and the names of its subfolders. */
export async function folderOf(
  { client, bucket: Bucket, prefix }: ObjectLocation,
  below: string,
): Promise<{ files: ListedObject[]; folders: string[] }> {
  const files: ListedObject[] = []
  const folders: string[] = []
  const Prefix = prefix + below
  let ContinuationToken: string | undefined
  do {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket,
        Prefix,
        Delimiter: '/',
        ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
      }),
    )
    for (const object of page.Contents ?? []) files.push(listed(object, prefix))
    for (const { Prefix: folder } of page.CommonPrefixes ?? [])
      if (folder !== undefined) folders.push(folder.slice(Prefix.length, -1))
    ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined
  } while (ContinuationToken !== undefined)
  return { files, folders }
}

function listed({ Key = '', Size, LastModified, ETag }: _Object, prefix: string): ListedObject {
  return {
    key: Key.slice(prefix.length),
    size: Size ?? 0,
    mtime: LastModified ?? new Date(0),
    etag: ETag ?? '',
  }
}
