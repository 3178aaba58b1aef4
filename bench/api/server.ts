/** The frontend as the product serves it, in a process of its own, so that its memory can be looked at from outside. */
import { Configuration } from '@copr/contract/configuration'
import { openDb } from '@copr/domain/database/open'
import { frontendApp } from '@copr/frontend/app'
import { serveHttp } from '@copr/process/http-server'
import { makeLog } from '@copr/process/log'
import { tmpdir } from 'node:os'

const database_url = process.argv[2] ?? ''
const config = Configuration.parse({
  public_url: 'http://copr.example.org',
  listen: {},
  data_dir: tmpdir(),
  database_url,
  keygen: {
    url: 'http://127.0.0.1:1',
    secret: 'nobody asks it here',
    master_key_file: '/dev/null',
  },
})
const log = makeLog('bench', { write: (line) => void process.stderr.write(line) })
const app = frontendApp({
  db: openDb(database_url),
  config,
  keygen: {
    makeKey: () => Promise.reject(new Error('Nobody makes a key while reads are measured')),
  },
  uploads_dir: tmpdir(),
  now: () => new Date(),
  log,
  untilPublished: async () => undefined,
})
const { port } = await serveHttp(app, { host: '127.0.0.1', port: 0 })

const gets = app.routes.filter(({ method }) => method === 'GET').map(({ path }) => path)
process.send?.({ port, paths: [...new Set(gets)] } satisfies Ready)
process.once('disconnect', () => process.exit())

/** What the parent is told once the server answers. */
export interface Ready {
  port: number
  /** Everything that can be read, as Hono writes paths. */
  paths: string[]
}
