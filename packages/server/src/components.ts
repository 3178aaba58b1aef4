import { totalmem } from 'node:os'
import { join } from 'node:path'
import { backendApp } from '@copr/backend/app'
import { runBackend } from '@copr/backend/backend'
import { deliverEvents } from '@copr/backend/events'
import { openStore } from '@copr/backend/store'
import { runBuilder } from '@copr/builder/builder'
import { allowsPrivateUrls, type Configuration } from '@copr/contract/configuration'
import { distgitApp } from '@copr/distgit/app'
import { migrateWhenReachable } from '@copr/domain/database/migrate'
import { Notices } from '@copr/domain/database/notify'
import { type Db, openDb } from '@copr/domain/database/open'
import { runPostgres } from '@copr/domain/database/run-postgres'
import { createMachine } from '@copr/domain/machines/machines'
import { frontendApp } from '@copr/frontend/app'
import { makeMissingKeys } from '@copr/frontend/projects/project-keys'
import { publishedWaiter } from '@copr/frontend/until-published'
import { runKeygen } from '@copr/keygen/keygen'
import { openAttempts } from '@copr/process/attempts'
import { every, untilAborted } from '@copr/process/every'
import { type HttpApp, serveHttp } from '@copr/process/http-server'
import { keygenClient } from '@copr/keygen-client/keygen-client'
import type { Logger } from '@copr/process/log'
import { distgitRoot, runDistgitLoops } from './distgit-loops.ts'
import { keygenConfig } from './keygen-config.ts'
import { componentMetrics, requireDatabase } from './component-metrics.ts'
import { allProviders } from '@copr/resalloc/providers/all-providers'
import type { Metrics } from '@copr/process/probes/metrics'
import { measured, serveProbes } from '@copr/process/probes/probes'
import { trustAuthorities } from '@copr/process/trust'
import { openUploads } from '@copr/object-store/open-uploads'
import type { StartLocal } from '@copr/resalloc/providers/local'
import { runResalloc } from '@copr/resalloc/run-resalloc'
import { routeByPath } from './route-by-path.ts'

const now = (): Date => new Date()
/** Memory in bytes that PostgreSQL may use if the container has no memory limit. */
const POSTGRES_MEMORY = 512 * 1024 ** 2

export interface Running {
  config: Configuration
  log: Logger
  stop: AbortSignal
  /** Called as soon as the component accepts requests. */
  onListening?: (port: number) => void
  /** Starts a builder as a process on this host, for pools of the provider `local`. */
  startBuilder?: StartLocal
}

/** The dependencies that all components of one process share if they use the database. */
interface Shared extends Running {
  db: Db
  notices: Notices
}

/** A component's HTTP apps and its background loops. */
interface Component {
  apps: Parameters<typeof routeByPath>[0]
  loops: () => Promise<void>
}

/**
 * Runs components in one process, with one port and one database connection pool, until `stop` aborts. If one of the components fails,
 * stops the others and throws its error.
 */
async function serve(
  running: Running,
  ...components: ((shared: Shared) => Component)[]
): Promise<void> {
  const { config, log } = running
  if (!(await migrateWhenReachable(config.database_url, running))) return
  const failed = new AbortController()
  const stop = AbortSignal.any([running.stop, failed.signal])
  const notices = new Notices()
  const db = openDb(config.database_url, {
    onError: (error) => log.warn({ reason: error.message }, 'Lost a database connection'),
  })
  const shared = { ...running, stop, db, notices }
  const started = components.map((component) => component(shared))
  const names = started.flatMap(({ apps }) => Object.keys(apps)).join('+') || 'resalloc'
  const metrics = componentMetrics(names, db, config)
  const routed = routeByPath(Object.assign({}, ...started.map(({ apps }) => apps)))
  const app = measured(routed, { component: names, metrics })
  await using _probes = await probesOf(shared, { component: names, metrics })
  const loops = [
    notices.run(config.database_url, { stop, log }),
    ...started.map(({ loops }) => loops()),
  ]
  // On shutdown, dist-git returns its import tasks over HTTP. The server must therefore stop only after all loops have ended.
  const idle = new AbortController()
  void Promise.allSettled(loops).then(() => idle.abort())
  const works = [...loops, serveUntilStopped(app, { ...shared, stop: idle.signal })]
  for (const work of works) work.catch((error: unknown) => failed.abort(error))
  await Promise.allSettled(works)
  await db.destroy()
  if (failed.signal.aborted) throw failed.signal.reason
}

async function probesOf(
  { config, db }: Shared,
  probed: { component: string; metrics: Metrics },
): Promise<AsyncDisposable | undefined> {
  const { probes_port } = config.listen
  if (probes_port === undefined) return undefined
  const ready = async (): Promise<unknown> => await requireDatabase(db)
  return await serveProbes({ ...probed, ready }, probes_port)
}

async function serveUntilStopped(
  app: HttpApp,
  { config, log, stop, onListening }: Running,
): Promise<void> {
  await using server = await serveHttp(app, { ...config.listen, log })
  log.info({ port: server.port }, 'Listening')
  onListening?.(server.port)
  await untilAborted(stop)
}

/** Memory limit of this container in bytes. Without a limit, Node reports 0 or a value above the machine's memory. */
function memoryLimit(): number | undefined {
  const limit = process.constrainedMemory()
  return limit > 0 && limit < totalmem() ? limit : undefined
}

const keygenOf = ({ config }: Running): ReturnType<typeof keygenClient> =>
  keygenClient(config.keygen)

function frontendComponent(shared: Shared): Component {
  const { config, db, stop } = shared
  const log = shared.log.child({ component: 'frontend' })
  const frontend = {
    config,
    db,
    log,
    now,
    keygen: keygenOf(shared),
    ...openUploads(config),
    attempts: openAttempts(now),
    untilPublished: publishedWaiter({ db }),
  }
  return {
    apps: { frontend: frontendApp(frontend) },
    // Creates the keys that could not be created earlier, for example because keygen was unavailable.
    loops: () => every(15, () => makeMissingKeys(frontend), { stop, log }),
  }
}

function backendComponent(shared: Shared): Component {
  const { config, db, notices, stop } = shared
  const log = shared.log.child({ component: 'backend' })
  const store = openStore(config)
  const backend = { config, db, notices, log, now, store, keygen: keygenOf(shared) }
  return {
    apps: { backend: backendApp(backend) },
    loops: async () => {
      await Promise.all([runBackend(backend, { stop }), deliverEvents(backend, stop)])
    },
  }
}

function distgitComponent(shared: Shared): Component {
  const log = shared.log.child({ component: 'distgit' })
  return {
    apps: { distgit: distgitApp({ root: distgitRoot(shared.config), log }) },
    loops: () => runDistgitLoops({ ...shared, log }),
  }
}

function resallocComponent(shared: Shared): Component {
  const { config, db, notices, stop, startBuilder } = shared
  const log = shared.log.child({ component: 'resalloc' })
  const registry = allProviders({
    state_dir: join(config.data_dir, 'command-pools'),
    env: process.env,
    startLocal: startBuilder,
  })
  return {
    apps: {},
    loops: () => runResalloc({ config, db, notices, registry, log, now, stop }),
  }
}

const COMPONENTS = {
  frontend: (running: Running) => serve(running, frontendComponent),
  backend: (running: Running) => serve(running, backendComponent),
  distgit: (running: Running) => serve(running, distgitComponent),
  resalloc: (running: Running) => serve(running, resallocComponent),
  /** The components that `coprctl up` runs in its own process. */
  servers: (running: Running) =>
    serve(running, frontendComponent, backendComponent, distgitComponent, resallocComponent),

  keygen: ({ config, log, stop, onListening }: Running) =>
    runKeygen({
      config: keygenConfig(config),
      log,
      stop,
      ...(onListening ? { onListening } : {}),
    }),

  /** The PostgreSQL server of a deployment with an embedded database. */
  postgresql: ({ config, log, stop }: Running) => {
    const { tls } = config.listen
    if (!tls) throw new Error('Cannot run PostgreSQL: the configuration has no listen.tls')
    const { port, password } = new URL(config.database_url)
    return runPostgres({
      dir: config.data_dir,
      port: Number(port || 5432),
      password: decodeURIComponent(password),
      tls,
      memory_bytes: memoryLimit() ?? POSTGRES_MEMORY,
      log,
      stop,
    })
  },
} satisfies Record<string, (running: Running) => Promise<void>>

export type ComponentName = keyof typeof COMPONENTS | 'builder'
export const COMPONENT_NAMES: ComponentName[] = [
  ...(Object.keys(COMPONENTS) as (keyof typeof COMPONENTS)[]),
  'builder',
]

export interface BuilderOptions {
  name: string
  /** The folder for build files and caches. */
  scratch_dir: string
  /** If undefined, the builder registers itself in the configured database. */
  enroll_token: string | undefined
}

/** Runs one component until `stop` aborts. */
export async function runComponent(
  component: ComponentName,
  running: Running,
  builder: BuilderOptions,
): Promise<void> {
  using _trust = trustAuthorities(running.config.trusted_ca_files, { log: running.log })
  if (component !== 'builder') return await COMPONENTS[component](running)
  const { config, log, stop } = running
  await runBuilder({
    gateway_url: config.internal_url ?? config.public_url,
    enroll_token: builder.enroll_token ?? (await enrollHere(config, builder.name)),
    name: builder.name,
    scratch_dir: builder.scratch_dir,
    arches: [process.arch === 'arm64' ? 'aarch64' : 'x86_64'],
    tags: [],
    allow_private_urls: allowsPrivateUrls(config),
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
