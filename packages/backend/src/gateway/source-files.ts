import { sourceReport, type SourceReport } from '@copr/domain/queue/task-context'
import { parseEvr } from '@copr/rpm/version'
import type { Backend } from '../context.ts'
import type { ResultsPath } from '../store/paths.ts'
import type { ResultsTree } from '../store/results-store.ts'

const LOG = 'builder-live.log'
const SUMMARY = 'results.json'

/**
 * Adds two files that clients expect in the folder of a source build, if they are missing: the log, which no builder writes for an uploaded
 * SRPM, and the summary results.json. Values in `known` take precedence over the build's row, which the caller may update later.
 */
export async function addSourceFiles(
  { db, store }: Backend,
  {
    build_id,
    path,
    known = {},
  }: { build_id: number; path: ResultsPath; known?: Partial<SourceReport> },
): Promise<void> {
  const report = { ...(await sourceReport(db, build_id)), ...known }
  await store.makeDir(path)
  if (!(await exists(store, path, LOG))) {
    const body = new Blob([logOf(report)]).stream()
    await store.appendLog(path, LOG, body, { offset: 0, max_size: Infinity })
  }
  // The summary is written again once the package's name is known, because a source build ends before its import.
  if (report.package_name !== null || !(await exists(store, path, SUMMARY)))
    await store.write(path, SUMMARY, `${JSON.stringify(summaryOf(report), null, 2)}\n`)
}

function logOf({ source_type, srpm_name, fail_reason }: SourceReport): string {
  const upload =
    source_type === 'upload' && srpm_name !== null
      ? [`No builder was needed: ${srpm_name} was uploaded as a source package.`]
      : ['No builder has written a log.']
  const failure = fail_reason === null ? [] : [`The source build failed: ${fail_reason}`]
  return [...upload, ...failure, ''].join('\n')
}

/** Returns the epoch, version and release of the source package, with null for what is unknown. */
function summaryOf({ package_name: name, package_version }: SourceReport) {
  const unknown = { epoch: null, version: null, release: null }
  const evr = package_version === null ? unknown : parseEvr(package_version)
  return { name, ...evr, architecture_specific_tags: {} }
}

/** Whether a file exists, either under its name or compressed. */
async function exists(tree: ResultsTree, path: ResultsPath, name: string): Promise<boolean> {
  const found = await tree.find([...path.split('/'), name])
  if (found?.kind === 'file') await found.file.close()
  return found !== undefined
}
