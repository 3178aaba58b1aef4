import type { LostCause, ResultFile, Review } from '@copr/contract/builder-protocol'
import { type FailureDetails, failureOutsideLogs } from '@copr/contract/failure'
import { applySourceMetadata, type SourceMetadata } from './source-metadata.ts'
import { notify } from '../database/notify.ts'
import type { Db, Tx } from '../database/open.ts'
import { releaseMachine } from '../machines/release-machine.ts'
import { refreshBuild } from '../states/build-state.ts'
import { moveChroots } from '../states/chroot-state.ts'
import { moveSource } from '../states/source-state.ts'
import { moveTasks } from '../states/task-state.ts'
import { type FoundDependencies, parkInChain } from '../chains/park-task.ts'
import { insertPublishTask, insertTask } from '../queue/insert-task.ts'
import { lockLeased, type TaskRow } from '../queue/leases.ts'

/** The outcome of a task that was not lost. `source`, `import` and `rpm` mean that a task of that kind succeeded. */
export type TaskOutcome =
  | { kind: 'canceled' }
  /** The build itself failed. */
  | ({ kind: 'failed' } & Failure)
  | { kind: 'source'; facts: SourceMetadata }
  /** `branch_commits` maps each dist-git branch to its commit. */
  | {
      kind: 'import'
      branch_commits: Record<string, string>
      /** The size of the folder with the SRPM and its logs. */
      source_bytes: number
    }
  | {
      kind: 'rpm'
      files: ResultFile[]
      reviews?: Review[] | undefined
      seconds: Record<string, number> | undefined
    }

/** Why a build failed. */
interface Failure {
  /** One sentence, which is shown on the build's page. */
  reason: string
  failure?: FailureDetails | undefined
  seconds?: Record<string, number> | undefined
  /** The dependencies that a failed attempt found, for builds of a chain. */
  found?: FoundDependencies | undefined
}

/** Ends a leased task. Returns undefined if the lease is lost, and `canceled` if the build was canceled, whatever the outcome. */
export async function finishTask(
  db: Db,
  lease: string,
  outcome: TaskOutcome,
  now: Date,
): Promise<'finished' | 'canceled' | undefined> {
  return await withLeasedTask(db, { lease, now }, async (tx, task) => {
    await finish(tx, task, outcome, now)
    return 'finished' as const
  })
}

/**
 * Runs `work` in a transaction in which the task and its build are locked. If the build was canceled, ends the task instead and returns
 * `canceled`; the build's states were already set by cancelBuild(). Returns undefined if the lease is lost.
 */
export async function withLeasedTask<T>(
  db: Db,
  { lease, now, only_expired = false }: { lease: string; now: Date; only_expired?: boolean },
  work: (tx: Tx, task: TaskRow) => Promise<T>,
): Promise<T | 'canceled' | undefined> {
  return await db.transaction().execute(async (tx) => {
    const task = await lockLeased(tx, lease)
    if (!task || (only_expired && (task.lease_until ?? now) >= now)) return undefined
    if (!task.cancel_requested) return await work(tx, task)
    await endTask(tx, task, now)
    return 'canceled'
  })
}

async function finish(tx: Tx, task: TaskRow, outcome: TaskOutcome, now: Date): Promise<void> {
  switch (outcome.kind) {
    case 'canceled': {
      // Real cancellations were handled by withLeasedTask(). If this case were ignored, the build would wait forever.
      const reason = 'The builder stopped the build although it was not canceled'
      const failure = failureOutsideLogs('infrastructure')
      return await failTask(tx, task, { reason, failure }, now)
    }
    case 'failed':
      if (outcome.found && (await parkInChain(tx, task, outcome.found, now))) return
      return await failTask(tx, task, outcome, now)
    case 'source':
      return await finishSource(tx, task, outcome.facts, now)
    case 'import':
      return await finishImport(tx, task, outcome, now)
    case 'rpm':
      return await finishRpm(tx, task, outcome, now)
  }
}

async function finishSource(
  tx: Tx,
  task: TaskRow,
  facts: SourceMetadata,
  now: Date,
): Promise<void> {
  await endTask(tx, task, now)
  await tx
    .updateTable('build')
    .set({ source_ended_at: now })
    .where('id', '=', task.build_id)
    .execute()
  await applySourceMetadata(tx, task.build_id, facts, now)
}

/**
 * Ends an import task. Queues a build in every waiting chroot, with the commit of its dist-git branch; fails the chroots whose branch has
 * no commit.
 */
async function finishImport(
  tx: Tx,
  task: TaskRow,
  { branch_commits, source_bytes }: Extract<TaskOutcome, { kind: 'import' }>,
  now: Date,
): Promise<void> {
  await endTask(tx, task, now)
  const chroots = await tx
    .selectFrom('build_chroot')
    .innerJoin('chroot', 'chroot.id', 'build_chroot.chroot_id')
    .innerJoin('build', 'build.id', 'build_chroot.build_id')
    .leftJoin('project_chroot', (join) =>
      join
        .onRef('project_chroot.project_id', '=', 'build.project_id')
        .onRef('project_chroot.chroot_id', '=', 'build_chroot.chroot_id'),
    )
    .select([
      'build_chroot.id',
      'chroot.name as chroot_name',
      'chroot.arch',
      'chroot.config',
      'chroot.distgit_branch',
      'project_chroot.build_tags',
      'build.chain_id',
    ])
    .where('build_chroot.build_id', '=', task.build_id)
    .where('build_chroot.state', '=', 'waiting')
    .execute()
  for (const chroot of chroots) {
    const git_commit = branch_commits[chroot.distgit_branch]
    if (git_commit === undefined) {
      const state_reason = `The import did not deliver the branch ${chroot.distgit_branch}`
      const failure = JSON.stringify(failureOutsideLogs('infrastructure'))
      const set = { state_reason, failure, ended_at: now }
      await moveChroots(tx, [chroot.id], { to: 'failed', set })
      continue
    }
    await moveChroots(tx, [chroot.id], { to: 'pending', set: { git_commit } })
    const tags = [...new Set([...chroot.config.tags, ...(chroot.build_tags ?? [])])]
    const build_chroot = { ...chroot, tags }
    const is_parked = chroot.chain_id !== null
    await insertTask(
      tx,
      { kind: 'rpm', build: { id: task.build_id }, build_chroot, is_parked },
      now,
    )
  }
  await moveSource(tx, task.build_id, {
    to: 'succeeded',
    set: { source_ended_at: now, source_bytes },
  })
  await refreshBuild(tx, task.build_id, now)
  await notify(tx, 'copr_queue')
}

/** Ends a build in one chroot and queues the publication of its results. The build chroot stays `running` until that is done. */
async function finishRpm(
  tx: Tx,
  task: TaskRow,
  { files, reviews = [], seconds }: Extract<TaskOutcome, { kind: 'rpm' }>,
  now: Date,
): Promise<void> {
  await endTask(tx, task, now)
  if (task.build_chroot_id === null)
    throw new Error(`Cannot finish task ${task.id}: it has no build chroot`)
  await tx
    .updateTable('build_chroot')
    .set({
      seconds: seconds ? JSON.stringify(seconds) : null,
      reviews: reviews.length > 0 ? JSON.stringify(reviews) : null,
    })
    .where('id', '=', task.build_chroot_id)
    .execute()
  await insertPublishTask(tx, task, files, now)
  await notify(tx, 'copr_publish')
  // A short build may end before its first heartbeat, which otherwise moves the chroot to `running`.
  await moveChroots(tx, [task.build_chroot_id], { to: 'running' })
  await refreshBuild(tx, task.build_id, now)
}

async function failTask(
  tx: Tx,
  task: TaskRow,
  { reason, failure, seconds }: Failure,
  now: Date,
): Promise<void> {
  await endTask(tx, task, now)
  const failed = { state_reason: reason, ended_at: now }
  const details = failure ? { failure: JSON.stringify(failure) } : {}
  if (task.build_chroot_id !== null) {
    const times = seconds ? { seconds: JSON.stringify(seconds) } : {}
    const set = { ...failed, ...details, ...times }
    await moveChroots(tx, [task.build_chroot_id], { to: 'failed', set })
  } else {
    const set = { fail_reason: reason, ...details, source_ended_at: now }
    await moveSource(tx, task.build_id, { to: 'failed', set })
    const waiting = await tx
      .selectFrom('build_chroot')
      .select('id')
      .where('build_id', '=', task.build_id)
      .where('state', '=', 'waiting')
      .execute()
    const ids = waiting.map(({ id }) => id)
    await moveChroots(tx, ids, { to: 'failed', from: ['waiting'], set: failed })
  }
  await refreshBuild(tx, task.build_id, now)
}

/** Ends a locked task and releases its machine; the caller must update the build's states. */
export async function endTask(tx: Tx, task: TaskRow, now: Date): Promise<void> {
  await releaseMachine(tx, task, now)
  const set = { last_lease: task.lease, lease: null, lease_until: null, phase: null }
  await moveTasks(tx, [task.id], { to: 'done', from: ['leased'], set })
}

/**
 * Puts a task back into the queue because its machine was lost or cannot continue, which is no fault of the build. Fails the task if it has
 * no attempts left.
 */
export async function requeueTask(
  db: Db,
  lease: string,
  {
    cause,
    reason,
    max_attempts,
    now,
    wait_seconds = 0,
    only_expired = false,
  }: {
    /** Default: `machine_lost`. */
    cause?: LostCause
    reason: string
    max_attempts: number
    now: Date
    wait_seconds?: number
    /** Whether to do nothing if the lease was renewed in the meantime. */
    only_expired?: boolean
  },
): Promise<'queued' | 'ended' | undefined> {
  const outcome = await withLeasedTask(db, { lease, now, only_expired }, async (tx, task) => {
    // Publish tasks have no limit, because they fail only for transient reasons. Other tasks need one: a build that loses every machine
    // that it gets would be retried forever.
    if (task.kind !== 'publish' && task.attempts >= max_attempts) {
      const why = `Failed after ${task.attempts} attempts. The last attempt: ${reason}`
      const failure = failureOutsideLogs('infrastructure')
      await failTask(tx, task, { reason: why, failure }, now)
      return 'ended'
    }
    await releaseMachine(tx, task, now)
    const more = cause === 'out_of_memory' ? await moreMemory(tx, task) : {}
    const set = {
      ...more,
      lost_cause: cause ?? 'machine_lost',
      lease: null,
      lease_until: null,
      machine_id: null,
      phase: null,
      not_before: wait_seconds > 0 ? new Date(now.getTime() + wait_seconds * 1000) : null,
    }
    await moveTasks(tx, [task.id], { to: 'queued', set })
    if (task.kind === 'source') await moveSource(tx, task.build_id, { to: 'pending' })
    if (task.kind === 'rpm' && task.build_chroot_id !== null) {
      const from = ['starting', 'running'] as const
      await moveChroots(tx, [task.build_chroot_id], {
        to: 'pending',
        from,
        set: { state_reason: reason },
      })
    }
    await refreshBuild(tx, task.build_id, now)
    await notify(tx, task.kind === 'publish' ? 'copr_publish' : 'copr_queue')
    return 'queued'
  })
  return outcome === 'canceled' ? 'ended' : outcome
}

/** Makes the task prefer a machine with more memory than the one that was too small; see canHaveMemory() in claim-task.ts. */
async function moreMemory(
  tx: Tx,
  { machine_id, min_memory_mb }: TaskRow,
): Promise<{ min_memory_mb?: number }> {
  const machine = await tx
    .selectFrom('machine')
    .select('memory_mb')
    .where('id', '=', machine_id)
    .executeTakeFirst()
  if (!machine || machine.memory_mb === null) return {}
  return { min_memory_mb: Math.max(min_memory_mb ?? 0, machine.memory_mb + 1) }
}

/** Requeues every task whose lease has expired. Idempotent; may run in several processes. */
export async function requeueExpired(
  db: Db,
  { now, max_attempts }: { now: Date; max_attempts: number },
): Promise<number> {
  const expired = await db
    .selectFrom('task')
    .select('lease')
    .where('state', '=', 'leased')
    .where('lease_until', '<', now)
    .execute()
  let count = 0
  for (const { lease } of expired) {
    if (lease === null) continue
    const outcome = await requeueTask(db, lease, {
      reason: 'The builder was lost: it stopped sending heartbeats',
      max_attempts,
      now,
      only_expired: true,
    })
    if (outcome) count++
  }
  return count
}
