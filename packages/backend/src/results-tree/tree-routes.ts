import { sandboxAnswers } from '@copr/process/untrusted-content'
import { isMissing } from '@copr/object-store/is-missing'
import { type Context, Hono } from 'hono'
import type { ResultsTree, StoredFile } from '../store/results-store.ts'
import { isUnchanged, rangeOf } from './conditional.ts'
import { directoryIndex, INDEX_POLICY } from './directory-index.ts'
import { namesIn } from './url-names.ts'

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
export function treeRoutes(tree: ResultsTree): Hono {
  const answer = async (c: Context): Promise<Response> => {
    const url_path = new URL(c.req.url).pathname
    const below = url_path.replace(/^\/results(?=\/|$)/, '')
    const names = namesIn(below)
    const found = names && (await tree.find(names))
    if (!names || !found) return notFound(c)
    switch (found.kind) {
      case 'packed':
        return c.redirect(`${url_path}.gz`, 302)
      case 'dir':
        if (!url_path.endsWith('/')) return c.redirect(`${url_path}/`, 301)
        c.header('cache-control', 'no-cache')
        c.header('content-security-policy', INDEX_POLICY)
        return c.html(await directoryIndex(await tree.list(names), `/results/${names.join('/')}`))
      case 'file':
        if (url_path.endsWith('/')) {
          await found.file.close()
          return notFound(c)
        }
        return await sendFile(c, found.file)
    }
  }
  const app = new Hono()
  app.use(sandboxAnswers())
  app.get('*', async (c) => {
    try {
      return await answer(c)
    } catch (error) {
      if (!isMissing(error)) throw error
      // Replaced or removed since it was found: what is there now counts.
      return await answer(c)
    }
  })
  return app
}

function notFound(c: Context): Response {
  const wantsPage = c.req.header('accept')?.includes('text/html') ?? false
  if (wantsPage) return c.html('<!doctype html><title>Not found</title><h1>Not found</h1>\n', 404)
  return c.json({ error: `Nothing is at ${c.req.path}` }, 404)
}

async function sendFile(c: Context, file: StoredFile): Promise<Response> {
  const { name, size, etag, mtime } = file
  const headers = new Headers({
    etag,
    'last-modified': mtime.toUTCString(),
    'cache-control': LASTING.test(name) ? HOUR : 'no-cache',
    'accept-ranges': 'bytes',
  })
  const request = c.req.raw.headers
  const answer = async (status: number): Promise<Response> => {
    await file.close()
    return new Response(null, { status, headers })
  }
  if (isUnchanged(request, etag, mtime)) return await answer(304)
  const type = typeOf(name)
  headers.set('content-type', type)
  const range = rangeOf(request, { size, etag, mtime })
  if (range === 'none') {
    headers.set('content-range', `bytes */${size}`)
    return await answer(416)
  }
  // A snapshot: bytes appended to a growing log from here on are not part of the response, as its Content-Length is fixed.
  const { start, end } = range ?? { start: 0, end: size - 1 }
  const status = range ? 206 : 200
  headers.set('content-length', String(end - start + 1))
  if (range) headers.set('content-range', `bytes ${start}-${end}/${size}`)
  if (c.req.method === 'HEAD' || size === 0) return await answer(status)
  if (file.elsewhere) return await sendElsewhere(file, await file.elsewhere(inertType(type)))
  return new Response(await file.read({ start, end }), { status, headers })
}

/** The address works for a while only: nobody may keep the redirect. */
async function sendElsewhere(file: StoredFile, location: string): Promise<Response> {
  await file.close()
  return new Response(null, { status: 302, headers: { location, 'cache-control': 'no-store' } })
}

/** S3 sends no policy of ours: a browser shows XML from there as text, and runs nothing of it. */
function inertType(type: string): string {
  return type.startsWith('text/') ? 'text/plain; charset=utf-8' : type
}

function typeOf(name: string): string {
  return TYPES.find(([ending]) => name.endsWith(ending))?.[1] ?? 'application/octet-stream'
}
