import { KeygenServiceAccounts, MasterKey } from '@copr/contract/configuration/keygen-config'
import { Bell, every } from '@copr/process/every'
import { messageOf } from '@copr/process/errors'
import { serveHttp } from '@copr/process/http-server'
import type { Logger } from '@copr/process/log'
import { measured, processMetrics, serveProbes } from '@copr/process/probes/probes'
import { sql } from 'kysely'
import { z } from 'zod'
import { makeKeygenApp } from './app.ts'
import type { Identify } from './callers/caller.ts'
import { serviceAccounts } from './callers/service-account.ts'
import { sharedSecret } from './callers/shared-secret.ts'
import { type MasterKeys, openDataKeys } from './data-keys.ts'
import { refillPool } from './key-pool.ts'
import { type Db, isDatabaseAway, openKeyTable } from './key-table.ts'
import { openMasterKey } from './master-key/open-master-key.ts'
import { migrateKeyTable } from './migrations.ts'
import { prolongKeys } from './project-keys.ts'
import { anySecret } from './sealed-secrets.ts'
import { RateLimit } from './signatures/rate-limit.ts'
import { type RedeemTicket, redeemTicket } from './signatures/tickets.ts'

const DATABASE_RETRY_MS = 1_000
const REFILL_SECONDS = 60
const PROLONG_SECONDS = 86_400

export const KeygenConfig = z
  .strictObject({
    database_url: z.string().min(1),
    host: z.string().default('127.0.0.1'),
    port: z.number().int().min(0).max(65_535),
    tls: z.strictObject({ certificate_file: z.string(), key_file: z.string() }).optional(),
    probes_port: z.number().int().min(0).max(65_535).optional(),
    /** The bearer token of callers that have no service account. */
    secret: z.string().min(16).optional(),
    service_accounts: KeygenServiceAccounts.optional(),
    master_key: MasterKey,
    previous_master_keys: z.array(MasterKey).default([]),
    /** The domain in the user IDs of keys: `<owner>#<project>@copr.<sign_domain>`. */
    sign_domain: z.string().regex(/^[A-Za-z0-9.-]+$/, 'the sign domain must be a host name'),
    /** Number of RSA keys to generate in advance. */
    pool_size: z.number().int().min(0).max(100).default(2),
    signatures_per_minute: z.strictObject({
      project: z.number().int().positive(),
      all: z.number().int().positive(),
    }),
  })
  .refine((config) => config.secret !== undefined || config.service_accounts !== undefined, {
    message: 'set secret or service_accounts: without either, nobody can call keygen',
  })
  // A token must not be sent unencrypted.
  .refine((config) => config.service_accounts === undefined || config.tls !== undefined, {
    message: 'set tls where callers have service accounts',
  })
export type KeygenConfig = z.infer<typeof KeygenConfig>

export interface KeygenOptions {
  config: KeygenConfig
  log: Logger
  stop: AbortSignal
  /** Called once keygen listens. If the configured port is 0, the system chooses the port that is passed. */
  onListening?: (port: number) => void
  redeem?: RedeemTicket
}

/** Serves until `stop` is aborted. Waits for PostgreSQL at startup, and survives later outages of PostgreSQL. */
export async function runKeygen(options: KeygenOptions): Promise<void> {
  const { config, log, stop, onListening, redeem = redeemTicket } = options
  const now = (): Date => new Date()
  await using db = openKeyTable(config.database_url)
  if (!(await migrateWhenReachable(db, log, stop))) return
  const sealer = await openDataKeys(db, await openMasterKeys(config, db, log), log)
  const pool_drawn = new Bell()
  const keygen = { db, sealer, sign_domain: config.sign_domain, now, log, pool_drawn }
  const limit = new RateLimit(config.signatures_per_minute, now)
  const metrics = processMetrics('keygen')
  const identities = authenticators(config, log, now)
  const app = measured(makeKeygenApp({ keygen, limit, redeem }, identities), {
    component: 'keygen',
    metrics,
  })

  await using server = await serveHttp(app, { ...config, log })
  const ready = async (): Promise<unknown> => await sql`select 1`.execute(db)
  await using _probes =
    config.probes_port === undefined
      ? undefined
      : await serveProbes({ component: 'keygen', metrics, ready }, config.probes_port)
  log.info({ host: config.host, port: server.port }, 'Listening')
  onListening?.(server.port)
  await Promise.all([
    every(REFILL_SECONDS, () => refillPool(keygen, config.pool_size, stop), {
      stop,
      log,
      bell: pool_drawn,
    }),
    every(PROLONG_SECONDS, () => prolongKeys(keygen), { stop, log }),
  ])
}

/** Migrates the key table once PostgreSQL is reachable; returns false if stopped while waiting. */
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

function authenticators(config: KeygenConfig, log: Logger, now: () => Date): Identify[] {
  const { secret, service_accounts } = config
  return [
    ...(secret === undefined ? [] : [sharedSecret(secret)]),
    ...(service_accounts ? [serviceAccounts({ config: service_accounts, log, now })] : []),
  ]
}

async function openMasterKeys(config: KeygenConfig, db: Db, log: Logger): Promise<MasterKeys> {
  const isUnused = async (): Promise<boolean> => {
    const isNew = (await anySecret(db)) === undefined
    if (isNew) log.info({ file: config.master_key.file }, 'Creating a master key')
    return isNew
  }
  const current = await openMasterKey(config.master_key, isUnused)
  const previous = config.previous_master_keys.map((source) =>
    openMasterKey(source, async () => false),
  )
  return { current, previous: await Promise.all(previous) }
}
