import { runAgent } from '@copr/agent/agent'
import { serveHttp } from '@copr/process/http-server'
import type { Logger } from '@copr/process/log'
import { distgitApp } from './app.ts'
import { type ImportLimits, importHandler } from './import.ts'

export interface DistgitOptions {
  gateway_url: string
  enroll_token: string
  /** The folder that contains `git/`, `lookaside/` and `tmp/`. */
  root: string
  host: string
  port: number
  limits: ImportLimits
  log: Logger
  stop: AbortSignal
  onListening?: (port: number) => void
}

/** How many SRPMs are imported at a time. */
const CONCURRENCY = 2

/** Serves dist-git and imports SRPMs until stopped. Rejects when the gateway no longer knows this machine. */
export async function runDistgit(options: DistgitOptions): Promise<void> {
  const { root, limits, log, stop, gateway_url, enroll_token } = options
  await using server = await serveHttp(distgitApp({ root, log }), options)
  log.info({ port: server.port }, 'Listening')
  options.onListening?.(server.port)
  await runAgent({
    gateway_url,
    enroll_token,
    name: 'distgit',
    kinds: ['import'],
    arches: [],
    handlers: importHandler({ root, limits }),
    concurrency: CONCURRENCY,
    log,
    stop,
  })
}
