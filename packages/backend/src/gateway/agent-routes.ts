import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { agentBundle } from '@copr/agent/bundle/agent-bundle'
import { Hono } from 'hono'

/** The paths contain a digest, so the content at a path never changes. */
const FOR_EVER = { 'cache-control': 'public, max-age=31536000, immutable' }

/**
 * Serves the build agent, and Node to run it, to booting machines. The paths contain digests, so that each machine gets the version with
 * which it was configured.
 */
export function agentRoutes(): Hono {
  const app = new Hono()

  app.get('/', async (c) => {
    const { sha256, nodes } = await agentBundle()
    return c.json({ sha256, nodes: nodes.map(({ arch, sha256 }) => ({ arch, sha256 })) })
  })

  app.get('/:digest', async (c) => {
    const digest = c.req.param('digest')
    const { sha256, bytes, nodes } = await agentBundle()
    if (digest === sha256)
      return c.body(new Uint8Array(bytes), 200, { ...FOR_EVER, 'content-type': 'application/gzip' })
    const node = nodes.find((each) => each.sha256 === digest)
    if (!node) return c.json({ error: `No agent has the digest ${digest}` }, 404)
    const headers = { ...FOR_EVER, 'content-length': String((await stat(node.path)).size) }
    return c.body(Readable.toWeb(createReadStream(node.path)) as ReadableStream, 200, headers)
  })

  return app
}
