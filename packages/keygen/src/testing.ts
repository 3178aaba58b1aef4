import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type KeygenClient, keygenClient } from '@copr/keygen-client/keygen-client'
import { makeLog } from '@copr/process/log'
import { type KeygenConfig, runKeygen } from './keygen.ts'
import type { RedeemTicket } from './signatures/tickets.ts'

const SECRET = 'a secret for tests only'

/** Makes an empty folder, which is deleted when the scope ends. */
export async function scratchFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'copr-keygen-'))
  const remove = (): Promise<void> => rm(path, { recursive: true, force: true, maxRetries: 5 })
  return { path, [Symbol.asyncDispose]: remove }
}

export interface RunningKeygen extends AsyncDisposable {
  url: string
  secret: string
  client: KeygenClient
  /** The log lines so far, parsed as objects. */
  lines: Record<string, unknown>[]
}

export interface RunningOptions {
  database_url: string
  /** The folder that contains the master key. */
  dir: string
  pool_size?: number
  /** Overrides fields of the default configuration. */
  config?: Partial<KeygenConfig>
  /** Redeems tickets. By default, it accepts those of {@link newTicket}, any number of times. */
  redeem?: RedeemTicket
}

/** Starts a complete keygen on a free port. */
export async function startKeygen(options: RunningOptions): Promise<RunningKeygen> {
  const { database_url, dir, pool_size = 0 } = options
  const stop = new AbortController()
  const listening = Promise.withResolvers<number>()
  const lines: Record<string, unknown>[] = []
  const log = makeLog('keygen', { write: (line) => void lines.push(JSON.parse(line)) })
  const config = {
    database_url,
    host: '127.0.0.1',
    port: 0,
    secret: SECRET,
    master_key: { file: join(dir, 'master.key') },
    previous_master_keys: [],
    signatures_per_minute: { project: 10_000, all: 10_000 },
    sign_domain: 'copr.example',
    pool_size,
    ...options.config,
  }
  const { redeem = redeemTestTicket } = options
  const running = { config, log, stop: stop.signal, onListening: listening.resolve, redeem }
  const ended = runKeygen(running)
  ended.catch(listening.reject)
  const url = `${config.tls ? 'https' : 'http'}://127.0.0.1:${await listening.promise}`
  return {
    url,
    secret: SECRET,
    client: keygenClient({ url, secret: SECRET }),
    lines,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await ended
    },
  }
}

export function newProjectName(): string {
  return `p-${randomUUID()}`
}

const tickets = new Map<string, { owner: string; project: string }>()

/** Makes a ticket that is valid for any digests of a project. */
export function newTicket({ owner, project }: { owner: string; project: string }): string {
  const ticket = randomUUID()
  tickets.set(ticket, { owner, project })
  return ticket
}

const redeemTestTicket: RedeemTicket = async (_db, ticket) => {
  const whose = tickets.get(ticket)
  if (!whose) return undefined
  const nothing = { build_id: null, task_id: null, repository_id: null }
  return { ownername: whose.owner, projectname: whose.project, ...nothing }
}
