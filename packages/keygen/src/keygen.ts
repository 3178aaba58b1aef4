import { Bell, every } from '@copr/process/every'
import { messageOf } from '@copr/process/errors'
import { serveHttp } from '@copr/process/http-server'
import type { Logger } from '@copr/process/log'
import { z } from 'zod'
import { makeKeygenApp } from './app.ts'
import { poolContext, refillPool } from './key-pool.ts'
import { anySecret, type Db, isDatabaseAway, migrateKeyTable, openKeyTable } from './key-table.ts'
import { createMasterKey, parseMasterKey, readMasterKey } from './master-key.ts'
import { openKey, prolongKeys } from './project-keys.ts'
import { unseal } from './seal.ts'

const DATABASE_RETRY_MS = 1_000
const REFILL_SECONDS = 60
const PROLONG_SECONDS = 86_400

export const KeygenConfig = z
  .strictObject({
    database_url: z.string().min(1),
    host: z.string().default('127.0.0.1'),
    port: z.number().int().min(0).max(65_535),
    /** What callers show as bearer token. */
    secret: z.string().min(16),
    /** A file of 32 random bytes, raw or in base64; made at the first start if it is missing. */
    master_key_file: z.string().optional(),
    /** The same in base64, instead of a file. */
    master_key: z.string().optional(),
    /** Keys are named `<owner>#<project>@copr.<sign_domain>`. */
    sign_domain: z.string().regex(/^[A-Za-z0-9.-]+$/, 'the sign domain is a host name'),
    /** How many RSA keys are made ahead. */
    pool_size: z.number().int().min(0).max(100).default(2),
  })
  .refine(
    (config) => (config.master_key === undefined) !== (config.master_key_file === undefined),
    {
      message: 'set one of master_key_file and master_key',
    },
  )
export type KeygenConfig = z.infer<typeof KeygenConfig>

export interface KeygenOptions {
  config: KeygenConfig
  log: Logger
  stop: AbortSignal
  /** Called once it answers; the port is the chosen one when the configuration says 0. */
  onListening?: (port: number) => void
}

/** Serves until `stop` aborts. Waits for PostgreSQL at the start, and survives its absence later. */
export async function runKeygen({ config, log, stop, onListening }: KeygenOptions): Promise<void> {
  await using db = openKeyTable(config.database_url)
  if (!(await migrateWhenReachable(db, log, stop))) return
  const master_key = await findMasterKey(config, db, log)
  const pool_drawn = new Bell()
  const vault = {
    db,
    master_key,
    sign_domain: config.sign_domain,
    now: () => new Date(),
    log,
    pool_drawn,
  }

  await using server = await serveHttp(makeKeygenApp(vault, config.secret), config)
  log.info({ host: config.host, port: server.port }, 'Listening')
  onListening?.(server.port)
  await Promise.all([
    every(REFILL_SECONDS, () => refillPool(vault, config.pool_size, stop), {
      stop,
      log,
      bell: pool_drawn,
    }),
    every(PROLONG_SECONDS, () => prolongKeys(vault), { stop, log }),
  ])
}

/** False when told to stop before PostgreSQL came. */
async function migrateWhenReachable(db: Db, log: Logger, stop: AbortSignal): Promise<boolean> {
  while (!stop.aborted) {
    try {
      await migrateKeyTable(db)
      return true
    } catch (error) {
      if (!isDatabaseAway(error)) throw error
      log.warn({ reason: messageOf(error) }, 'Waiting for PostgreSQL')
      await new Bell().wait(DATABASE_RETRY_MS, stop)
    }
  }
  return false
}

/** Fails at the start, not at the first signature, when the master key is not the one that the keys were sealed with. */
async function findMasterKey(config: KeygenConfig, db: Db, log: Logger): Promise<Buffer> {
  const stored = await anySecret(db)
  const { master_key, master_key_file = '' } = config
  const configured =
    master_key === undefined
      ? await readMasterKey(master_key_file)
      : parseMasterKey(master_key, 'the configuration as master_key')
  if (!configured) {
    if (stored)
      throw new Error(`Restore ${master_key_file}: the stored keys cannot be opened without it`)
    log.info({ master_key_file }, 'Making a master key')
    return await createMasterKey(master_key_file)
  }
  if (stored && 'fingerprint' in stored) openKey({ master_key: configured }, stored)
  else if (stored) unseal(configured, poolContext(stored.id), stored.sealed_private_key)
  return configured
}
