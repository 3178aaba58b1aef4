import { leasesInUse, srpmsInUse } from '@copr/domain/queue/task-context'
import type { Backend } from '../context.ts'

/** Removes files that were staged under leases that have ended, unless they have yet to be published. */
export async function dropStaleStaging({ db, store, log }: Backend): Promise<void> {
  // Folders are listed before leases are read, so a folder that appears in between is not on the list and is not removed.
  const keys = await store.listStaged()
  const inUse = await leasesInUse(
    db,
    keys.map(({ task }) => task),
  )
  for (const key of keys) {
    if (inUse.has(key.lease)) continue
    await store.dropStaged(key)
    log.info({ task: key.task }, 'Stale uploads removed')
  }
}

/** Removes SRPMs of interrupted uploads, and of builds that were canceled before the import. */
export async function dropStaleSrpms({ db, store, log }: Backend, before: Date): Promise<void> {
  // Folders are listed first, as in dropStaleStaging(). Folders changed after `before` are not listed, because an upload has a folder for
  // some time before it has a build.
  const kept = await store.listSrpms(before)
  const inUse = await srpmsInUse(db)
  for (const srpm of kept) {
    const isNeeded =
      srpm.upload === null ? inUse.builds.has(srpm.build_id) : inUse.uploads.has(srpm.upload)
    if (isNeeded) continue
    await store.dropSrpm(srpm)
    log.info(srpm, 'Stale SRPM removed')
  }
}
