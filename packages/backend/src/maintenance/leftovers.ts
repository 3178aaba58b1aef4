import { leasesInUse, srpmsInUse } from '@copr/domain/queue/task-context'
import { endedSince } from '@copr/domain/repositories/removals'
import type { Backend } from '../context.ts'
import { resultPath } from '../store/paths.ts'

/** Removes files staged under leases that have ended, unless they are still to be published. */
export async function dropStaleStaging({ db, store, log }: Backend): Promise<void> {
  // The folders first: one that comes later belongs to a lease that is later still.
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

/** SRPMs of uploads that broke off, and of builds that were canceled before the import. */
export async function dropStaleSrpms({ db, store, log }: Backend, before: Date): Promise<void> {
  // The folders first, as above. An upload has a folder some time before it has a build.
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

/**
 * Compresses the logs of builds that ended without their agent: canceled, given up, or while we were away. `looks` counts
 * how often each was looked at: there is something new ever more seldom.
 */
export async function sealEndedLogs(
  { db, store }: Backend,
  since: Date,
  looks = new Map<string, number>(),
): Promise<void> {
  const ended = await endedSince(db, since)
  const paths = ended.map(({ ownername, dirname, chroot, result_dir }) =>
    resultPath({ ownername, dirname, chroot, result_dir }),
  )
  for (const path of paths) {
    const count = looks.get(path) ?? 0
    looks.set(path, count + 1)
    // At the first, second, fourth, eighth look.
    if (Number.isInteger(Math.log2(count + 1))) await store.sealLogs(path)
  }
  const isRecent = new Set<string>(paths)
  for (const path of looks.keys()) if (!isRecent.has(path)) looks.delete(path)
}
