import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { Stats } from 'node:fs'
import { type Context, Hono } from 'hono'
import { etagOf, isUnchanged, rangeOf } from './conditional.ts'
import { directoryIndex } from './directory-index.ts'
import { findFile, namesIn } from './find-file.ts'

const TYPES: [ending: string, type: string][] = [
  ['.rpm', 'application/x-rpm'],
  // As it is stored, without Content-Encoding: whoever downloads it wants the .gz file.
  ['.gz', 'application/gzip'],
  ['.zst', 'application/zstd'],
  ['.xz', 'application/x-xz'],
  ['.json', 'application/json'],
  ['.xml', 'text/xml; charset=utf-8'],
  ['.asc', 'application/pgp-signature'],
  ['.gpg', 'application/pgp-keys'],
  ['.repo', 'text/plain; charset=utf-8'],
  ['.log', 'text/plain; charset=utf-8'],
  ['.txt', 'text/plain; charset=utf-8'],
  ['.spec', 'text/plain; charset=utf-8'],
  ['.info', 'text/plain; charset=utf-8'],
  ['.cfg', 'text/plain; charset=utf-8'],
]

/** Never change under their name, so that caches may keep them for a while; gone at most this late for who looks there. */
const LASTING = /\.rpm$|^[0-9a-f]{64}-[^/]+$/
const HOUR = 'public, max-age=3600'

/** The results tree over HTTP: static files with ranges, and directory indexes. */
export function treeRoutes(root: string): Hono {
  const app = new Hono()
  app.get('*', async (c) => {
    const url_path = new URL(c.req.url).pathname
    const below = url_path.replace(/^\/results(?=\/|$)/, '')
    const names = namesIn(below)
    const found = names && (await findFile(root, names))
    if (!found) return notFound(c)
    switch (found.kind) {
      case 'packed':
        return c.redirect(`${url_path}.gz`, 302)
      case 'dir':
        if (!url_path.endsWith('/')) return c.redirect(`${url_path}/`, 301)
        c.header('cache-control', 'no-cache')
        return c.html(await directoryIndex(found.path, `/results/${names?.join('/') ?? ''}`))
      case 'file':
        if (url_path.endsWith('/')) {
          await found.file.close()
          return notFound(c)
        }
        return await sendFile(c, found)
    }
  })
  return app
}

function notFound(c: Context): Response {
  const wantsPage = c.req.header('accept')?.includes('text/html') ?? false
  if (wantsPage) return c.html('<!doctype html><title>Not found</title><h1>Not found</h1>\n', 404)
  return c.json({ error: `Nothing is at ${c.req.path}` }, 404)
}

interface OpenFile {
  name: string
  file: FileHandle
  stats: Stats
}

async function sendFile(c: Context, { name, file, stats }: OpenFile): Promise<Response> {
  const { size, mtime } = stats
  const etag = etagOf(stats)
  const headers = new Headers({
    etag,
    'last-modified': mtime.toUTCString(),
    'cache-control': LASTING.test(name) ? HOUR : 'no-cache',
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
  })
  const request = c.req.raw.headers
  const answer = async (status: number): Promise<Response> => {
    await file.close()
    return new Response(null, { status, headers })
  }
  if (isUnchanged(request, etag, mtime)) return await answer(304)
  headers.set('content-type', typeOf(name))
  const range = rangeOf(request, { size, etag, mtime })
  if (range === 'none') {
    headers.set('content-range', `bytes */${size}`)
    return await answer(416)
  }
  // What a growing log gets meanwhile is not part of this answer: its length has been told.
  const { start, end } = range ?? { start: 0, end: size - 1 }
  const status = range ? 206 : 200
  headers.set('content-length', String(end - start + 1))
  if (range) headers.set('content-range', `bytes ${start}-${end}/${size}`)
  if (c.req.method === 'HEAD' || size === 0) return await answer(status)
  const stream = file.createReadStream({ start, end, highWaterMark: 256 * 1024 })
  return new Response(Readable.toWeb(stream) as ReadableStream<Uint8Array>, { status, headers })
}

function typeOf(name: string): string {
  return TYPES.find(([ending]) => name.endsWith(ending))?.[1] ?? 'application/octet-stream'
}
