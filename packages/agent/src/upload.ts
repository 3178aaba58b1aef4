import { createHash } from 'node:crypto'
import { createReadStream, openAsBlob } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { ResultFile } from '@copr/contract/builder-protocol'
import type { Logger } from '@copr/process/log'
import type { TaskGateway } from './gateway-client.ts'
import { retrying } from './retrying.ts'

/** Uploads a file until the gateway has all of it or `signal` aborts. After each interruption, resumes where the gateway's copy ends. */
export async function uploadFile(
  gateway: TaskGateway,
  file: { path: string; name: string },
  { signal, log }: { signal: AbortSignal; log: Logger },
): Promise<ResultFile> {
  const { size } = await stat(file.path)
  const sha256 = await sha256Of(file.path, signal)
  const blob = await openAsBlob(file.path)
  const what = `upload of ${file.name}`
  // The first request is sent even for an empty file, because it creates the file.
  for (let offset = 0, isFirst = true; isFirst || offset < size; isFirst = false) {
    const from = offset
    offset = await retrying(() => gateway.putFile(file.name, from, blob.slice(from), signal), {
      signal,
      log,
      what,
    })
    if (offset > size)
      throw new Error(
        `Cannot upload ${file.name}: the gateway has ${offset} bytes, the file only ${size}`,
      )
    if (offset === from && size > 0 && !isFirst)
      throw new Error(
        `Cannot upload ${file.name}: the gateway accepts nothing after byte ${offset} of ${size}`,
      )
  }
  return { name: file.name, size, sha256 }
}

async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { signal, highWaterMark: 1024 * 1024 }))
    hash.update(chunk as Buffer)
  return hash.digest('hex')
}
