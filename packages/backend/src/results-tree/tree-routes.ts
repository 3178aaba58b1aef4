import { sandboxAnswers } from '@copr/process/untrusted-content'
import type { ContentHeaders } from '@copr/object-store/bucket'
import { isMissing } from '@copr/object-store/is-missing'
import { type Context, Hono } from 'hono'
import type { ResultsTree, StoredFile } from '../store/results-store.ts'
import { isUnchanged, rangeOf } from './conditional.ts'
import { directoryIndex, INDEX_POLICY } from './directory-index.ts'
import { namesIn } from './url-names.ts'

const TEXT = 'text/plain; charset=utf-8'

const TYPES: [ending: string, type: string][] = [
  ['.rpm', 'application/x-rpm'],
  // Unlike compressed logs, these files are sent without Content-Encoding, because dnf expects the .gz file itself.
  ['.gz', 'application/gzip'],
  ['.zst', 'application/zstd'],
  ['.xz', 'application/x-xz'],
  ['.json', 'application/json'],
  ['.xml', 'text/xml; charset=utf-8'],
  ['.asc', 'application/pgp-signature'],
  ['.gpg', 'application/pgp-keys'],
  ['.repo', TEXT],
  ['.log', TEXT],
  ['.txt', TEXT],
  ['.spec', TEXT],
  ['.info', TEXT],
  ['.cfg', TEXT],
]

/** Compressed logs, which browsers and log viewers show as text; the name without `.gz` redirects to them. */
const PACKED_LOG = /\.log\.gz$/

/**
 * Matches files whose content never changes. Caches may therefore keep them for an hour, which also means that they may serve a deleted
 * file for that long.
 */
const LASTING = /\.rpm$|^[0-9a-f]{64}-[^/]+$/
const HOUR = 'public, max-age=3600'

/** Serves the results tree over HTTP: static files, with range requests, and directory indexes. */
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
      // The file was replaced or removed after it was found, so the response is what is there now.
      return await answer(c)
    }
  })
  return app
}

function notFound(c: Context): Response {
  const wantsPage = c.req.header('accept')?.includes('text/html') ?? false
  if (wantsPage) return c.html('<!doctype html><title>Not found</title><h1>Not found</h1>\n', 404)
  return c.json({ error: `Not found: ${c.req.path}` }, 404)
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
  const content = contentOf(name)
  headers.set('content-type', content.type)
  // Sizes and ranges are those of the encoded bytes, so a download can be resumed. Source: RFC 9110 section 14.1.2.
  if (content.encoding) headers.set('content-encoding', content.encoding)
  const range = rangeOf(request, { size, etag, mtime })
  if (range === 'none') {
    headers.set('content-range', `bytes */${size}`)
    return await answer(416)
  }
  // A snapshot: bytes that are appended to a growing log from now on are not sent, because the Content-Length is fixed.
  const { start, end } = range ?? { start: 0, end: size - 1 }
  const status = range ? 206 : 200
  headers.set('content-length', String(end - start + 1))
  if (range) headers.set('content-range', `bytes ${start}-${end}/${size}`)
  if (c.req.method === 'HEAD' || size === 0) return await answer(status)
  if (file.elsewhere) return await sendElsewhere(file, await file.elsewhere(inert(content)))
  return new Response(await file.read({ start, end }), { status, headers })
}

/** Redirects to a URL that expires, so the redirect must not be cached. */
async function sendElsewhere(file: StoredFile, location: string): Promise<Response> {
  await file.close()
  return new Response(null, { status: 302, headers: { location, 'cache-control': 'no-store' } })
}

/**
 * Returns the headers that S3 is to send. S3 does not send our Content-Security-Policy, so XML is served as plain text, in which browsers
 * execute nothing.
 */
function inert(content: ContentHeaders): ContentHeaders {
  return content.type.startsWith('text/') ? { ...content, type: TEXT } : content
}

function contentOf(name: string): ContentHeaders {
  if (PACKED_LOG.test(name)) return { type: TEXT, encoding: 'gzip' }
  return {
    type: TYPES.find(([ending]) => name.endsWith(ending))?.[1] ?? 'application/octet-stream',
  }
}
