import type { FinishRequest, ResultFile } from '@copr/contract/builder-protocol'
import { type FailureCategory, failureOutsideLogs } from '@copr/contract/failure'
import { chainIdOf } from '@copr/domain/chains/chains'
import type { Db } from '@copr/domain/database/open'
import type { TaskRow } from '@copr/domain/queue/leases'
import {
  finishTask as endTask,
  requeueTask,
  type TaskOutcome,
} from '@copr/domain/builds/task-outcomes'
import {
  sourceOfBuild,
  locationOfTask,
  projectOfTask,
  type SourceReport,
} from '@copr/domain/queue/task-context'
import { requireStorage } from '@copr/domain/quotas/quota-check'
import { srpmLimits } from '@copr/domain/quotas/quota-limits'
import { importedCommits } from '@copr/domain/queue/imported-commits'
import { CoprError } from '@copr/process/errors'
import { formatBytes } from '@copr/process/format-bytes'
import { RpmFormatError } from '@copr/rpm/errors'
import { resultsOf } from '../build-location.ts'
import type { Backend } from '../context.ts'
import { folderSize } from '../maintenance/measure-results.ts'
import type { ResultsPath } from '../store/paths.ts'
import { keptSrpm } from './send-srpm.ts'
import { addSourceFiles } from './source-files.ts'
import { readSourceMetadata } from './source-metadata.ts'

/** How long to wait before retrying a task that a machine has given up, so that a temporary fault can pass. */
const RETRY_SECONDS = 3

/** Finishes a task with the outcome that its agent reports; returns false if the agent no longer has the task. Idempotent. */
export async function finishTask(
  backend: Backend,
  task: TaskRow,
  lease: string,
  request: FinishRequest,
): Promise<boolean> {
  if (task.state === 'done') return task.last_lease === lease
  if (task.state !== 'leased' || task.lease !== lease) return false
  const { task_id, build_id, kind } = task
  backend.log.info({ task_id, build_id, kind, outcome: request.outcome }, 'Task ended')
  if (request.outcome === 'lost') return await requeue(backend, lease, request)
  const results = resultsOf(await locationOfTask(backend.db, task))
  const key = { task: task.id, lease }
  await backend.store.verifyStaged(key, request.files)
  const ending = await prepareEnding(backend, { task, lease, request, results })
  if (kind !== 'rpm') {
    const known = knownOf(ending.outcome)
    await addSourceFiles(backend, { build_id, path: results, known })
  }
  const finished = await endTask(backend.db, lease, ending.outcome, backend.now())
  if (finished === undefined) return false
  await ending.afterwards()
  return true
}

/**
 * The outcome to commit, and the cleanup to do after the commit. The cleanup is idempotent; if the process dies before the cleanup,
 * maintenance does it later.
 */
interface Ending {
  outcome: TaskOutcome
  afterwards: () => Promise<void>
}

interface Report {
  task: TaskRow
  lease: string
  request: Exclude<FinishRequest, { outcome: 'lost' }>
  results: ResultsPath
}

async function prepareEnding(backend: Backend, report: Report): Promise<Ending> {
  const { task, lease, request, results } = report
  const { store, now } = backend
  const key = { task: task.id, lease }
  const drop = async (): Promise<void> => {
    await store.sealLogs(results)
    await store.dropStaged(key)
    // No matter how the import has ended, the SRPM is no longer needed.
    if (task.kind === 'import')
      await store.dropSrpm(keptSrpm(await sourceOfBuild(backend.db, task.build_id)))
  }
  const note = (line: string): Promise<void> =>
    store.note(results, `${now().toISOString()} ${line}`)
  if (request.outcome === 'canceled') {
    await note('canceled')
    return { outcome: { kind: 'canceled' }, afterwards: drop }
  }
  if (request.outcome === 'failed') {
    if (await waitsInChain(backend.db, task, request)) {
      await note(`waiting: ${request.reason}`)
      // The logs of this attempt are not published, and the live log stays open for the next attempt.
      return { outcome: failureOf(request), afterwards: () => store.dropStaged(key) }
    }
    await store.place(key, withoutRpms(request.files), results)
    await note(`failed: ${request.reason}`)
    return { outcome: failureOf(request), afterwards: drop }
  }
  switch (task.kind) {
    case 'source':
      return await endSource(backend, report, { drop, note })
    case 'import':
      return await endImport(backend, report, drop)
    case 'rpm': {
      const { files, reviews, seconds } = request
      await note(`built: ${files.length} files`)
      // The results stay staged until they are published.
      return {
        outcome: { kind: 'rpm', files, reviews, seconds },
        afterwards: async () => undefined,
      }
    }
    case 'publish':
      throw new CoprError('invalid', 'Cannot finish: agents do not run publish tasks')
  }
}

/** Returns the fields that the outcome will store in the build's row. */
function knownOf(outcome: TaskOutcome): Partial<SourceReport> {
  if (outcome.kind === 'failed') return { fail_reason: outcome.reason }
  if (outcome.kind !== 'source') return {}
  const { name, version, srpm_name } = outcome.facts
  return { package_name: name, package_version: version, srpm_name }
}

type FailedRequest = Extract<FinishRequest, { outcome: 'failed' }>

/** Whether a failed attempt only means that the build must wait for other packages of its chain; see parkInChain(). */
async function waitsInChain(
  db: Db,
  task: TaskRow,
  { unmet = [] }: FailedRequest,
): Promise<boolean> {
  if (task.kind !== 'rpm' || unmet.length === 0) return false
  return (await chainIdOf(db, task.build_id)) !== undefined
}

function failureOf({ reason, failure, seconds, unmet, declares }: FailedRequest): TaskOutcome {
  const found = { unmet: unmet ?? [], provides: declares ?? [] }
  return { kind: 'failed', reason, failure, seconds, found }
}

async function endSource(
  { db, store, config }: Backend,
  { task, lease, request, results }: Report,
  { drop, note }: { drop: () => Promise<void>; note: (line: string) => Promise<void> },
): Promise<Ending> {
  const key = { task: task.id, lease }
  const { files } = request
  const fail = async (
    reason: string,
    category: FailureCategory = 'verification',
  ): Promise<Ending> => {
    await note(`failed: ${reason}`)
    return {
      outcome: { kind: 'failed', reason, failure: failureOutsideLogs(category) },
      afterwards: drop,
    }
  }
  const packages = files.filter(({ name }) => name.endsWith('.rpm'))
  const [srpm] = packages
  if (!srpm || packages.length > 1)
    return await fail(
      `The builder uploaded ${packages.length} packages, expected one source package`,
    )
  const { limits } = config
  const project = await projectOfTask(db, task)
  const { upload_bytes } = await srpmLimits(db, project, limits)
  if (srpm.size > upload_bytes)
    return await fail(
      `The source package has ${formatBytes(srpm.size)}, the limit is ${formatBytes(upload_bytes)}`,
      'resources',
    )
  await store.place(key, withoutRpms(files), results)
  try {
    const refusal = `Cannot store ${srpm.name}`
    await requireStorage(db, project, { refusal, bytes: srpm.size, limits })
    const facts = await store.withStaged(key, srpm.name, (path) =>
      readSourceMetadata(path, srpm.name),
    )
    const kept = { build_id: task.build_id, upload: null, file_name: facts.srpm_name }
    await store.keepSrpm(key, srpm.name, kept)
    return { outcome: { kind: 'source', facts }, afterwards: drop }
  } catch (error) {
    if (error instanceof RpmFormatError) return await fail(error.message)
    if (error instanceof CoprError)
      return await fail(error.message, error.kind === 'over_quota' ? 'resources' : 'verification')
    throw error
  }
}

async function endImport(
  { db, store }: Backend,
  { task, request, results }: Report,
  drop: () => Promise<void>,
): Promise<Ending> {
  const commits = 'branch_commits' in request ? (request.branch_commits ?? {}) : {}
  await requireImported(db, task.build_id, commits)
  const srpm = keptSrpm(await sourceOfBuild(db, task.build_id))
  await store.placeSrpm(srpm, results)
  const source_bytes = await folderSize(store, results)
  return { outcome: { kind: 'import', branch_commits: commits, source_bytes }, afterwards: drop }
}

/** Throws unless the reported commits, which builders will build, are exactly those that dist-git itself has recorded. */
async function requireImported(
  db: Db,
  build_id: number,
  commits: Record<string, string>,
): Promise<void> {
  const known = await importedCommits(db, build_id)
  const branches = new Set([...Object.keys(commits), ...Object.keys(known)])
  for (const branch of branches)
    if (commits[branch] === undefined || commits[branch] !== known[branch])
      throw new CoprError(
        'invalid',
        `Cannot finish the import of build ${build_id}: on the branch ${branch.slice(0, 200)}, dist-git has ${known[branch] ?? 'no commit'}, the builder reported ${commits[branch]?.slice(0, 64) ?? 'none'}`,
      )
}

async function requeue(
  { db, config, now, log }: Backend,
  lease: string,
  { cause, reason }: Extract<FinishRequest, { outcome: 'lost' }>,
): Promise<boolean> {
  log.warn({ lease, cause, reason }, 'Task requeued')
  const { max_attempts } = config.limits
  // No delay when the cloud has reclaimed the machine, or when the task needs a bigger machine, because waiting would not help in either
  // case.
  const wait_seconds = cause === 'interrupted' || cause === 'out_of_memory' ? 0 : RETRY_SECONDS
  const back = await requeueTask(db, lease, {
    cause,
    reason,
    max_attempts,
    now: now(),
    wait_seconds,
  })
  return back !== undefined
}

function withoutRpms(files: ResultFile[]): string[] {
  return files.map(({ name }) => name).filter((name) => !name.endsWith('.rpm') && !isOurs(name))
}

/** Returns whether files with this name are written only by the backend. */
export function isOurs(name: string): boolean {
  return (
    ['success', 'results.json', 'build.info'].includes(name) ||
    /^(backend|builder-live|import)\.log(\.gz)?$/.test(name)
  )
}
