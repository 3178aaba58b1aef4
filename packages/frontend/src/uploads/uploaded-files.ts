import { Hono } from 'hono'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { CoprError } from '@copr/process/errors'
import type { Frontend } from '../frontend.ts'

/** What was uploaded, until it is imported: whoever has seen the build knows the random folder's name. */
export function uploadedFiles({ uploads_dir }: Pick<Frontend, 'uploads_dir'>): Hono {
  const app = new Hono({ strict: false })
  app.get('/tmp/:dir/:file', async (c) => {
    const { dir, file } = c.req.param()
    const isPlain = /^[0-9a-f-]{36}$/.test(dir) && /^[^/\\\0]+$/.test(file) && !/^\.+$/.test(file)
    const path = join(uploads_dir, dir, file)
    const stats = isPlain ? await stat(path).catch(() => undefined) : undefined
    if (!stats?.isFile())
      throw new CoprError('not_found', 'There is no such upload: it may have been imported already')
    c.header('Content-Type', 'application/octet-stream')
    c.header('Content-Length', String(stats.size))
    c.header('Content-Disposition', 'attachment')
    c.header('Cache-Control', 'no-store')
    return c.body(Readable.toWeb(createReadStream(path)) as ReadableStream)
  })
  return app
}
