import { Command } from 'commander'
import { migrateWhenReachable } from '@copr/domain/database/migrate'
import { type Db, openDb } from '@copr/domain/database/open'
import { COMMAND } from '@copr/domain/audit/actor'
import { addUser } from '@copr/domain/users/change-user'
import { enterLoginLink } from '@copr/domain/logins/login-links'
import { findAccount } from '@copr/domain/users/user-queries'
import { makeLog } from '@copr/process/log'
import { trustAuthorities } from '@copr/process/trust'
import { configOption } from '../config-option.ts'
import { readConfigFile } from '../configuration/read-config.ts'
import { stopSignal } from '../stop-signal.ts'
import { ADMINISTRATOR } from '../up/administrator.ts'

interface PrepareOptions {
  config: string
  administratorLink?: string
  expires?: string
}

/** `coprctl prepare` runs once before the components of a new version start; the deployment runs it. */
export function prepareCommand(env: NodeJS.ProcessEnv): Command {
  return new Command('prepare')
    .summary('migrate the database, as a deployment does')
    .description(
      'Waits for the database, migrates it, and stores the link with which the administrator sets a password.',
    )
    .addOption(configOption(env))
    .option('--administrator-link <sha256>', "hash of the secret of the administrator's link")
    .option('--expires <time>', "time at which the administrator's link expires")
    .action(async ({ config: path, administratorLink, expires }: PrepareOptions) => {
      const config = readConfigFile(path)
      const log = makeLog('prepare')
      using _trust = trustAuthorities(config.trusted_ca_files)
      if (!(await migrateWhenReachable(config.database_url, { stop: stopSignal(), log }))) return
      if (administratorLink === undefined || expires === undefined) return
      const db = openDb(config.database_url, { max_connections: 1 })
      try {
        const link = {
          token_hash: Buffer.from(administratorLink, 'hex'),
          expires_at: new Date(expires),
        }
        const entered = await enterAdministrator(db, link, new Date())
        log.info({ entered }, 'The database is up to date')
      } finally {
        await db.destroy()
      }
    })
}

/** Stores the link; if it has expired, does nothing and returns false, because a pod that starts late must not replace a newer link. */
async function enterAdministrator(
  db: Db,
  link: { token_hash: Buffer; expires_at: Date },
  now: Date,
): Promise<boolean> {
  if (link.expires_at <= now) return false
  const admin =
    (await findAccount(db, ADMINISTRATOR)) ??
    (await addUser(db, COMMAND, { username: ADMINISTRATOR, is_admin: true, now }))
  await enterLoginLink(db, COMMAND, admin, link, now)
  return true
}
