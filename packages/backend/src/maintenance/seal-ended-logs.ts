import { endedSince, sourcesEndedSince } from '@copr/domain/repositories/removals'
import type { Backend } from '../context.ts'
import { addSourceFiles } from '../gateway/source-files.ts'
import { type ResultsPath, resultPath, srpmPath } from '../store/paths.ts'

/**
 * Compresses the logs of builds that ended without a report from their agent (canceled, abandoned, or ended while the backend was down),
 * and adds the missing files of such source builds. `looks` counts the checks of each log: the longer ago its build ended, the less likely
 * new lines are, and the less often it is checked.
 */
export async function sealEndedLogs(
  backend: Backend,
  since: Date,
  looks = new Map<string, number>(),
): Promise<void> {
  const { db, store } = backend
  const chroots = await endedSince(db, since)
  const sources = await sourcesEndedSince(db, since)
  const folders: { path: ResultsPath; build_id?: number }[] = [
    ...chroots.map((each) => ({ path: resultPath(each) })),
    ...sources.map((each) => ({ path: srpmPath(each), build_id: each.build_id })),
  ]
  for (const { path, build_id } of folders) {
    const count = looks.get(path) ?? 0
    looks.set(path, count + 1)
    // The logs are sealed at the first, second, fourth, eighth call, and so on.
    if (!Number.isInteger(Math.log2(count + 1))) continue
    if (build_id !== undefined) await addSourceFiles(backend, { build_id, path })
    await store.sealLogs(path)
  }
  const isRecent = new Set<string>(folders.map(({ path }) => path))
  for (const path of looks.keys()) if (!isRecent.has(path)) looks.delete(path)
}
