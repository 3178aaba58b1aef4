import { join } from 'node:path'
import { backendApp } from '@copr/backend/app'
import { runBackend } from '@copr/backend/backend'
import { runBuilder } from '@copr/builder/builder'
import type { Configuration } from '@copr/contract/configuration'
import { distgitApp } from '@copr/distgit/app'
import { migrate } from '@copr/domain/database/migrate'
import { Notices } from '@copr/domain/database/notify'
import { type Db, openDb } from '@copr/domain/database/open'
import { createMachine } from '@copr/domain/machines/machines'
import { type Frontend, frontendApp } from '@copr/frontend/app'
import { makeMissingKeys } from '@copr/frontend/project-keys'
import { publishedWaiter } from '@copr/frontend/until-published'
import { runKeygen } from '@copr/keygen/keygen'
import { every, untilAborted } from '@copr/process/every'
import { type HttpApp, serveHttp } from '@copr/process/http-server'
import { keygenClient } from '@copr/process/keygen-client'
import type { Logger } from '@copr/process/log'
import { distgitRoot, runDistgitLoops } from './distgit-loops.ts'
import { oneDoor } from './server.ts'

const now = (): Date => new Date()

export interface Running {
  config: Configuration
  log: Logger
  stop: AbortSignal
  /** Called once the part answers. */
  onListening?: (port: number) => void
}

/** What the parts that use the database share within one process. */
export interface Shared extends Running {
  db: Db
  notices: Notices
}

async function withDatabase(
  running: Running,
  work: (shared: Shared) => Promise<void>,
): Promise<void> {
  const { config, log, stop } = running
  await migrate(config.database_url)
  const notices = new Notices()
  const db = openDb(config.database_url, {
    onError: (error) => log.warn({ reason: error.message }, 'Lost a database connection'),
  })
  const listening = notices.run(config.database_url, { stop, log })
  try {
    await work({ ...running, db, notices })
  } finally {
    await listening
    await db.destroy()
  }
}

async function serveUntilStopped(
  app: HttpApp,
  { config, log, stop, onListening }: Running,
): Promise<void> {
  await using server = await serveHttp(app, config.listen)
  log.info({ port: server.port }, 'Listening')
  onListening?.(server.port)
  await untilAborted(stop)
}

const keygenOf = ({ config }: Running): ReturnType<typeof keygenClient> =>
  keygenClient(config.keygen)

function frontendOf(shared: Shared): Frontend {
  const { config, db, log } = shared
  return {
    config,
    db,
    log: log.child({ part: 'frontend' }),
    now,
    keygen: keygenOf(shared),
    uploads_dir: join(config.data_dir, 'uploads'),
    untilPublished: publishedWaiter({ db }),
  }
}

/** What the frontend left undone: keys while keygen was away. */
async function runFrontendLoops(frontend: Frontend, { stop }: Shared): Promise<void> {
  await every(15, () => makeMissingKeys(frontend), { stop, log: frontend.log })
}

function backendOf(shared: Shared) {
  const { config, db, notices, log } = shared
  return { config, db, notices, log: log.child({ part: 'backend' }), now, keygen: keygenOf(shared) }
}

const PARTS = {
  frontend: (running: Running) =>
    withDatabase(running, async (shared) => {
      const frontend = frontendOf(shared)
      const app = oneDoor({ frontend: frontendApp(frontend) })
      await Promise.all([serveUntilStopped(app, shared), runFrontendLoops(frontend, shared)])
    }),

  backend: (running: Running) =>
    withDatabase(running, async (shared) => {
      const backend = backendOf(shared)
      const app = oneDoor({ backend: backendApp(backend) })
      await Promise.all([
        serveUntilStopped(app, shared),
        runBackend({ ...backend, stop: shared.stop }),
      ])
    }),

  distgit: (running: Running) =>
    withDatabase(running, async (shared) => {
      const app = oneDoor({
        distgit: distgitApp({ root: distgitRoot(shared.config), log: shared.log }),
      })
      await Promise.all([serveUntilStopped(app, shared), runDistgitLoops(shared)])
    }),

  keygen: ({ config, log, stop, onListening }: Running) => {
    const { hostname, port } = new URL(config.keygen.url)
    const { secret, master_key_file, pool_size } = config.keygen
    const { database_url, sign_domain } = config
    return runKeygen({
      config: {
        database_url,
        host: hostname,
        port: Number(port),
        secret,
        master_key_file,
        sign_domain,
        pool_size,
      },
      log,
      stop,
      ...(onListening ? { onListening } : {}),
    })
  },

  /** Frontend, backend and dist-git behind one port: what `coprctl up` runs in its own process. */
  servers: (running: Running) =>
    withDatabase(running, async (shared) => {
      const backend = backendOf(shared)
      const frontend = frontendOf(shared)
      const app = oneDoor({
        frontend: frontendApp(frontend),
        backend: backendApp(backend),
        distgit: distgitApp({
          root: distgitRoot(shared.config),
          log: shared.log.child({ part: 'distgit' }),
        }),
      })
      await Promise.all([
        serveUntilStopped(app, shared),
        runFrontendLoops(frontend, shared),
        runBackend({ ...backend, stop: shared.stop }),
        runDistgitLoops(shared),
      ])
    }),
} satisfies Record<string, (running: Running) => Promise<void>>

export type PartName = keyof typeof PARTS | 'builder'
export const PART_NAMES: PartName[] = [...(Object.keys(PARTS) as (keyof typeof PARTS)[]), 'builder']

export interface BuilderOptions {
  name: string
  /** Where its builds and caches are. */
  scratch_dir: string
  /** Without one, a machine is entered into the database of the configuration. */
  enroll_token: string | undefined
}

/** Runs one part until `stop` aborts. */
export async function runPart(
  part: PartName,
  running: Running,
  builder: BuilderOptions,
): Promise<void> {
  if (part !== 'builder') return await PARTS[part](running)
  const { config, log, stop } = running
  await runBuilder({
    gateway_url: config.internal_url ?? config.public_url,
    enroll_token: builder.enroll_token ?? (await enrollHere(config, builder.name)),
    name: builder.name,
    scratch_dir: builder.scratch_dir,
    arches: [process.arch === 'arm64' ? 'aarch64' : 'x86_64'],
    tags: [],
    allow_private_urls: config.allow_private_urls,
    log,
    stop,
  })
}

async function enrollHere(config: Configuration, name: string): Promise<string> {
  const db = openDb(config.database_url, { max_connections: 1 })
  try {
    return (await createMachine(db, { pool: 'manual', name, now: now() })).enroll_token
  } finally {
    await db.destroy()
  }
}
