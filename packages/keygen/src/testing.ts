import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type KeygenClient, keygenClient } from '@copr/process/keygen-client'
import { makeLog } from '@copr/process/log'
import { runKeygen } from './keygen.ts'

const SECRET = 'a secret for tests only'

/** An empty folder, gone when the scope ends. */
export async function scratchFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'copr-keygen-'))
  const remove = (): Promise<void> => rm(path, { recursive: true, force: true, maxRetries: 5 })
  return { path, [Symbol.asyncDispose]: remove }
}

export interface RunningKeygen extends AsyncDisposable {
  url: string
  secret: string
  client: KeygenClient
  /** The log so far, one object a line. */
  lines: Record<string, unknown>[]
}

export interface RunningOptions {
  database_url: string
  /** Holds the master key. */
  dir: string
  pool_size?: number
}

/** The whole program on a free port. */
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
    master_key_file: join(dir, 'master.key'),
    sign_domain: 'copr.example',
    pool_size,
  }
  const ended = runKeygen({ config, log, stop: stop.signal, onListening: listening.resolve })
  ended.catch(listening.reject)
  const url = `http://127.0.0.1:${await listening.promise}`
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
