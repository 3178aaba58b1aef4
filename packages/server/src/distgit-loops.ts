import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Configuration } from '@copr/contract/configuration'
import { importHandler } from '@copr/distgit/import'
import { deleteRepositories } from '@copr/distgit/layout'
import type { Notices } from '@copr/domain/database/notify'
import type { Db } from '@copr/domain/database/open'
import { createMachine } from '@copr/domain/machines/machines'
import { noteImport } from '@copr/domain/queue/imported-commits'
import {
  forgetSources,
  noteSources,
  requireSourceStorage,
} from '@copr/domain/quotas/source-storage'
import {
  forgetRemoval,
  hasLivingPackage,
  livingDir,
  wantedRemovals,
} from '@copr/domain/repositories/removals'
import { runAgent } from '@copr/agent/agent'
import { messageOf } from '@copr/process/errors'
import { every } from '@copr/process/every'
import type { Logger } from '@copr/process/log'
import { forgetPool } from '@copr/resalloc/local-pool'

interface DistgitContext {
  config: Configuration
  db: Db
  notices: Notices
  log: Logger
  stop: AbortSignal
}

const now = (): Date => new Date()

export function distgitRoot(config: Pick<Configuration, 'data_dir'>): string {
  return join(config.data_dir, 'distgit')
}

/** Imports SRPMs, and removes the dist-git repositories of deleted projects. */
export async function runDistgitLoops(context: DistgitContext): Promise<void> {
  const { notices, stop, log } = context
  const bell = notices.bell('copr_removal')
  await Promise.all([
    importSrpms(context),
    every(60, () => removeRepositories(context), { stop, log, bell }),
  ])
}

/** Removes dist-git repositories whose removal was requested, unless a new project or package has taken over the name. */
async function removeRepositories({ db, config, log }: DistgitContext): Promise<void> {
  for (const { id, path } of await wantedRemovals(db, 'distgit')) {
    const [owner = '', dirname = '', package_name] = path.split('/')
    const place = { ownername: owner, dirname }
    const isLiving =
      package_name === undefined
        ? (await livingDir(db, place)) !== undefined
        : await hasLivingPackage(db, place, package_name)
    if (!isLiving) {
      const names = { owner, dirname, ...(package_name === undefined ? {} : { package_name }) }
      await deleteRepositories(distgitRoot(config), names)
      if (package_name !== undefined) await forgetSources(db, { owner, dirname, package_name })
      log.info({ path }, 'Dist-git repositories removed')
    }
    await forgetRemoval(db, id)
  }
}

/** Runs an import agent until `stop` aborts. Whenever the agent ends, for example because its session is unknown, enrolls a new one. */
async function importSrpms(context: DistgitContext): Promise<void> {
  const { config, db, stop, log } = context
  await forgetPool(db, 'distgit', { max_attempts: config.limits.max_attempts, now })
  while (!stop.aborted) {
    try {
      const { enroll_token } = await createMachine(db, {
        pool: 'distgit',
        name: 'distgit',
        kinds: ['import'],
        arches: [],
        tags: [],
        now: now(),
      })
      await runAgent({
        gateway_url: config.internal_url ?? config.public_url,
        enroll_token,
        name: 'distgit',
        kinds: ['import'],
        arches: [],
        concurrency: 2,
        handlers: importHandler({
          root: distgitRoot(config),
          limits: config.limits,
          onImported: (build_id, commits) => noteImport(db, build_id, commits),
          storageOf: (place) => ({
            require: (sources) =>
              requireSourceStorage(db, place, { sources, limits: config.limits }),
            note: (sources) => noteSources(db, place, sources),
          }),
        }),
        log,
        stop,
      })
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'The import agent exited, enrolling a new one')
      await sleep(1000, undefined, { signal: stop }).catch(() => undefined)
    }
  }
}
