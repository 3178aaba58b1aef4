import { Configuration } from '@copr/contract/configuration'
import { openDb } from '@copr/domain/database/open'
import { frontendApp } from '@copr/frontend/app'
import { openAttempts } from '@copr/process/attempts'
import { makeLog } from '@copr/process/log'
import { directoryUploads } from '@copr/object-store/uploads'
import { tmpdir } from 'node:os'

/** Returns the frontend as it runs in production, with every route that the configuration can enable. */
export function benchSite(database_url: string): ReturnType<typeof frontendApp> {
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
    oidc: { issuer: 'http://127.0.0.1:1', client_id: 'copr', client_secret: 'nobody asks it' },
  })
  return frontendApp({
    db: openDb(database_url),
    config,
    keygen: {
      makeKey: () => Promise.reject(new Error('Nobody makes a key while reads are measured')),
      seal: () => Promise.reject(new Error('Nobody seals a secret while reads are measured')),
      open: () => Promise.reject(new Error('Nobody opens a secret while reads are measured')),
    },
    uploads_dir: tmpdir(),
    uploads: directoryUploads(tmpdir()),
    now: () => new Date(),
    log: makeLog('bench', { write: (line) => void process.stderr.write(line) }),
    attempts: openAttempts(() => new Date()),
    untilPublished: async () => undefined,
  })
}

/** Returns all GET routes, in Hono's notation. */
export function readPaths({ routes }: ReturnType<typeof benchSite>): string[] {
  return [...new Set(routes.filter(({ method }) => method === 'GET').map(({ path }) => path))]
}
