import { foldStorage } from '@copr/domain/quotas/storage-use'
import {
  storeMeasured,
  type UnmeasuredResults,
  unmeasuredResults,
} from '@copr/domain/quotas/unmeasured-results'
import { CoprError } from '@copr/process/errors'
import type { Backend } from '../context.ts'
import { type ResultsPath, resultPath, srpmPath } from '../store/paths.ts'
import type { ResultsTree } from '../store/results-store.ts'

/**
 * How long after the end of a build its logs count as complete. An agent learns of a cancellation only from the response to its next
 * heartbeat.
 */
const SETTLED_MS = 60_000
const AT_A_TIME = 500

/**
 * Measures the results of builds that have ended, so that they count against the quotas of project and owner, and adds recorded changes to
 * the storage totals. Until it is measured, a published build counts with the size of its packages; measuring adds its logs. Builds from
 * before quotas existed are measured, too.
 */
export async function measureResults(
  { db, store, log, now }: Backend,
  stop: AbortSignal,
): Promise<void> {
  const before = new Date(now().getTime() - SETTLED_MS)
  for (let isMore = true; isMore;) {
    const folders = await unmeasuredResults(db, { before, limit: AT_A_TIME })
    for (const folder of folders) {
      if (stop.aborted) return
      await storeMeasured(db, folder, await measured(folder))
    }
    isMore = folders.length >= AT_A_TIME
  }
  while (await foldStorage(db));

  async function measured(folder: UnmeasuredResults): Promise<number> {
    try {
      return await sizeOf(store, folder)
    } catch (err) {
      // An invalid path will not become valid, and must not prevent the measuring of other results.
      if (!(err instanceof CoprError)) throw err
      log.error({ err, build_id: folder.build_id }, 'Cannot measure results')
      return 0
    }
  }
}

async function sizeOf(store: ResultsTree, folder: UnmeasuredResults): Promise<number> {
  const { is_deleted, chroot, result_dir, ...place } = folder
  if (is_deleted) return 0
  if (chroot === null) return await folderSize(store, srpmPath(place))
  if (result_dir === null) return 0
  return await folderSize(store, resultPath({ ...place, chroot, result_dir }))
}

/** Returns the total size in bytes of all files in a results folder and its subfolders, which keep the logs of earlier attempts. */
export async function folderSize(store: ResultsTree, path: ResultsPath): Promise<number> {
  return await sizeBelow(store, path.split('/'))
}

async function sizeBelow(store: ResultsTree, names: string[]): Promise<number> {
  let bytes = 0
  for (const { name, isDir, size } of await store.list(names))
    bytes += isDir ? await sizeBelow(store, [...names, name]) : size
  return bytes
}
