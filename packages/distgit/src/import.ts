import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { FinishRequest, ImportTask } from '@copr/contract/builder-protocol'
import { type FailureDetails, failureOutsideLogs, printableLine } from '@copr/contract/failure'
import type { TaskContext, TaskHandler } from '@copr/agent/handler'
import { CoprError } from '@copr/process/errors'
import { RpmFormatError } from '@copr/rpm/errors'
import { extractSrpm } from '@copr/rpm/extract-srpm'
import { listFiles } from '@copr/rpm/file-list'
import { readRpmHeader } from '@copr/rpm/header'
import { packageInfo } from '@copr/rpm/package-info'
import { commitSources, type SourceStorage } from './commit-sources.ts'
import { type PackageLocation, makeTempDir, sweepTemp } from './layout.ts'

export interface ImportLimits {
  /** Maximum total size of all files of one SRPM. */
  max_unpacked_bytes: number
  max_unpacked_file_bytes: number
  max_unpacked_files: number
}

export interface ImportOptions extends PackageLocation {
  /** The folder that contains `git/`, `lookaside/` and `tmp/`. */
  root: string
  srpmPath: string
  branches: string[]
  limits: ImportLimits
  now: Date
  signal?: AbortSignal
  /** Called with progress messages for the import log. */
  say?: (line: string) => void
  storage?: SourceStorage | undefined
}

/**
 * Commits an SRPM to the branches and returns the commit of each. Importing the same SRPM again returns the same commits. Throws
 * RpmFormatError or CoprError if the SRPM is at fault; nothing has been changed in that case.
 */
export async function importSrpm(options: ImportOptions): Promise<Record<string, string>> {
  const { root, srpmPath, package_name, limits, signal, say = () => undefined } = options
  const rpm = await readRpmHeader(srpmPath)
  const info = packageInfo(rpm)
  if (info.name !== package_name)
    throw new CoprError(
      'invalid',
      `Cannot import ${info.name}: the build is for the package ${package_name}`,
    )
  const modes = new Map(listFiles(rpm.header).map(({ path, mode }) => [path, mode]))
  say(`Importing ${info.nevra}`)

  await using temp = await makeTempDir(root)
  const { files, spec } = await extractSrpm(srpmPath, temp.path, {
    maxFiles: limits.max_unpacked_files,
    maxFileSize: Math.min(limits.max_unpacked_file_bytes, limits.max_unpacked_bytes),
    maxTotalSize: limits.max_unpacked_bytes,
  })
  signal?.throwIfAborted()
  const sources = files.map((file) => ({
    ...file,
    path: join(temp.path, file.name),
    mode: modes.get(file.name) ?? 0o644,
  }))
  return await commitSources({ ...options, files: sources, spec, say })
}

/**
 * Returns a handler that runs the gateway's import tasks. If the SRPM is at fault, the build fails; any other error is thrown, so that the
 * task is requeued.
 */
export function importHandler(options: {
  root: string
  limits: ImportLimits
  now?: () => Date
  /** Stores the new commits before they are reported to the gateway, which compares the report with the stored commits. */
  onImported?: (build_id: number, commits: Record<string, string>) => Promise<void>
  /** Returns the object that checks and counts what an import stores for a package. */
  storageOf?: (place: PackageLocation) => SourceStorage
}): TaskHandler {
  const { root, limits, now = () => new Date(), onImported, storageOf } = options
  let swept: Promise<void> | undefined
  return async (task, context) => {
    if (task.kind !== 'import')
      throw new Error(`Cannot run a task of the kind ${task.kind}: dist-git runs only imports`)
    await (swept ??= sweepTemp(root, now()))
    return await doTask(task, context, { root, limits, now: now(), onImported, storageOf })
  }
}

interface DoOptions {
  root: string
  limits: ImportLimits
  now: Date
  onImported: ((build_id: number, commits: Record<string, string>) => Promise<void>) | undefined
  storageOf: ((place: PackageLocation) => SourceStorage) | undefined
}

async function doTask(
  task: ImportTask,
  context: TaskContext,
  { onImported, storageOf, limits, ...options }: DoOptions,
): Promise<FinishRequest> {
  const lines: string[] = []
  const say = (line: string): void => {
    lines.push(...line.split('\n'))
    context.writeLog(`${line}\n`, 'import.log')
  }
  await using temp = await makeTempDir(options.root)
  const srpmPath = join(temp.path, `${task.package_name}.src.rpm`)
  try {
    context.phase('fetching the SRPM')
    await context.fetchSrpm(srpmPath)
    say(`Fetched an SRPM of ${(await stat(srpmPath)).size} bytes`)
    context.phase('importing')
    const { owner, dirname, package_name, branches } = task
    const { signal } = context
    const place = { owner, dirname, package_name }
    const branch_commits = await importSrpm({
      ...options,
      ...place,
      limits: { ...limits, ...task.limits },
      storage: storageOf?.(place),
      srpmPath,
      branches,
      signal,
      say,
    })
    await onImported?.(task.build_id, branch_commits)
    return { outcome: 'succeeded', files: [], branch_commits }
  } catch (error) {
    if (!(error instanceof RpmFormatError) && !(error instanceof CoprError)) throw error
    say(error.message)
    return { outcome: 'failed', reason: error.message, failure: failureOf(error, lines), files: [] }
  }
}

/** Describes a failure whose message is the last line of the import log. */
function failureOf(error: CoprError | RpmFormatError, log: string[]): FailureDetails {
  const isQuota = error instanceof CoprError && ['over_quota', 'too_large'].includes(error.kind)
  const category = isQuota ? 'resources' : 'verification'
  const shown = log.slice(-4).map((line) => printableLine(line))
  return {
    ...failureOutsideLogs(
      category,
      isQuota ? undefined : 'Make a source package with rpmbuild -bs, and submit that.',
    ),
    log: 'import.log',
    line: log.length,
    excerpt: { first_line: log.length - shown.length + 1, lines: shown },
  }
}
