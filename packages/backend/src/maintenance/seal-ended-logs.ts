import { endedSince } from '@copr/domain/repositories/removals'
import type { Backend } from '../context.ts'
import { resultPath } from '../store/paths.ts'

/**
 * Compresses the logs of builds that ended without a report from their agent: builds that were canceled or abandoned, or that ended while
 * the backend was down. `looks` counts how often each log has been checked: the longer ago its build ended, the less likely are new lines,
 * and the more rarely it is checked.
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
    // Seals the logs at the first, second, fourth, eighth call, and so on.
    if (Number.isInteger(Math.log2(count + 1))) await store.sealLogs(path)
  }
  const isRecent = new Set<string>(paths)
  for (const path of looks.keys()) if (!isRecent.has(path)) looks.delete(path)
}
