import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import { openDb } from '@copr/domain/database/open'
import { managedMachines } from '@copr/domain/machines/managed-machines'
import { makeLog } from '@copr/process/log'
import { trustAuthorities } from '@copr/process/trust'
import { configOption } from '../config-option.ts'
import { readConfigFile } from '../configuration/read-config.ts'
import { stopSignal } from '../stop-signal.ts'

const LOOK_MS = 2_000

/**
 * `coprctl drain` waits until resalloc has removed all machines; resalloc must already be configured without pools. `coprctl undeploy` runs
 * it.
 */
export function drainCommand(env: NodeJS.ProcessEnv): Command {
  return new Command('drain')
    .summary('wait until no machine is left in any cloud')
    .description('Waits until the database lists no machine that resalloc manages.')
    .addOption(configOption(env))
    .action(async ({ config: path }: { config: string }) => {
      const config = readConfigFile(path)
      const log = makeLog('drain')
      const stop = stopSignal()
      using _trust = trustAuthorities(config.trusted_ca_files)
      const db = openDb(config.database_url, { max_connections: 1 })
      try {
        for (let known = -1; ;) {
          const machines = (await managedMachines(db)).length
          if (machines !== known) log.info({ machines }, 'Machines remaining')
          known = machines
          if (machines === 0) return
          await sleep(LOOK_MS, undefined, { signal: stop })
        }
      } finally {
        await db.destroy()
      }
    })
}
