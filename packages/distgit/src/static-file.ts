import type { Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { CoprError } from '@copr/process/errors'
import { hasCode } from './layout.ts'

/** Answers a GET or HEAD with a file that never changes, or with the requested range of it. */
export async function answerFile(
  path: string,
  request: { method: string; range: string | undefined; etag: string },
): Promise<Response> {
  const handle = await openFile(path)
  let isStreaming = false
  try {
    const { size, mtime }: Stats = await handle.stat()
    const headers = new Headers({
      'accept-ranges': 'bytes',
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'application/octet-stream',
      etag: `"${request.etag}"`,
      'last-modified': mtime.toUTCString(),
    })
    const range = parseRange(request.range, size)
    if (range === 'unsatisfiable') {
      headers.set('content-range', `bytes */${size}`)
      return new Response(null, { status: 416, headers })
    }
    const { start, end } = range ?? { start: 0, end: size - 1 }
    headers.set('content-length', String(end - start + 1))
    if (range) headers.set('content-range', `bytes ${start}-${end}/${size}`)
    const status = range ? 206 : 200
    if (request.method === 'HEAD' || size === 0) return new Response(null, { status, headers })
    isStreaming = true
    const stream = handle.createReadStream({ start, end })
    return new Response(Readable.toWeb(stream) as ReadableStream, { status, headers })
  } finally {
    if (!isStreaming) await handle.close()
  }
}

/**
 * Parses a Range header with a single byte range; returns undefined for any other, in which case the whole file is sent, as RFC 9110
 * allows.
 */
function parseRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '')
  if (!match) return undefined
  const [, from = '', to = ''] = match
  if (from === '' && to === '') return undefined
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from)
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1)
  if (from !== '' && to !== '' && Number(to) < start) return undefined
  return start > end ? 'unsatisfiable' : { start, end }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (err) {
    if (hasCode(err, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG'))
      throw new CoprError('not_found', 'Cannot find this file in the lookaside')
    throw err
  }
}
