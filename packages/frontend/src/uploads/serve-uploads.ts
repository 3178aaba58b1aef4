import { Hono } from 'hono'
import { CoprError } from '@copr/process/errors'
import type { Frontend } from '../frontend.ts'

/** Serves uploads until they are imported. No credentials are needed: builds publish the URL, so the random folder name is not secret. */
export function uploadedFiles({ uploads }: Pick<Frontend, 'uploads'>): Hono {
  const app = new Hono({ strict: false })
  app.get('/tmp/:dir/:file', async (c) => {
    const { dir, file } = c.req.param()
    const isPlain = /^[0-9a-f-]{36}$/.test(dir) && /^[^/\\\0]+$/.test(file) && !/^\.+$/.test(file)
    const found = isPlain ? await uploads.open(dir, file) : undefined
    if (!found)
      throw new CoprError('not_found', 'Upload not found: it may already have been imported')
    c.header('Content-Type', 'application/octet-stream')
    c.header('Content-Length', String(found.size))
    c.header('Content-Disposition', 'attachment')
    c.header('Cache-Control', 'no-store')
    return c.req.method === 'HEAD' ? c.body(null) : c.body(await found.read())
  })
  return app
}
