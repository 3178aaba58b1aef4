import type { LostCause, ResultFile } from '@copr/contract/builder-protocol'
import { refreshBuild } from '../states/build-state.ts'
import { applySourceFacts, type SourceFacts } from '../builds/source-facts.ts'
import { notify } from '../database/notify.ts'
import type { Db, Tx } from '../database/open.ts'
import { insertTask } from './insert-task.ts'
import { releaseMachine } from '../machines/release-machine.ts'
import { lockLeased, markChrootRunning, type TaskRow } from './leases.ts'

// All of these take a task whose build is locked (lockLeased), and end it.

/** The builder brought the SRPM. */
export async function finishSource(
  tx: Tx,
  task: TaskRow,
  facts: SourceFacts,
  now: Date,
): Promise<void> {
  await endTask(tx, task, now)
  await tx
    .updateTable('build')
    .set({ source_ended_at: now })
    .where('id', '=', task.build_id)
    .execute()
  await applySourceFacts(tx, task.build_id, facts, now)
}

/** The SRPM is in dist-git: every chroot gets the commit of its branch and may be built. */
export async function finishImport(
  tx: Tx,
  task: TaskRow,
  branchCommits: Record<string, string>,
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
    ])
    .where('build_chroot.build_id', '=', task.build_id)
    .where('build_chroot.state', '=', 'waiting')
    .execute()
  for (const chroot of chroots) {
    const git_commit = branchCommits[chroot.distgit_branch]
    if (git_commit === undefined) {
      const reason = `The import did not deliver the branch ${chroot.distgit_branch}`
      await tx
        .updateTable('build_chroot')
        .set({ state: 'failed', state_reason: reason, ended_at: now })
        .where('id', '=', chroot.id)
        .execute()
      continue
    }
    await tx
      .updateTable('build_chroot')
      .set({ state: 'pending', git_commit })
      .where('id', '=', chroot.id)
      .execute()
    const tags = [...new Set([...chroot.config.tags, ...(chroot.build_tags ?? [])])]
    const build_chroot = { ...chroot, tags }
    await insertTask(tx, { kind: 'rpm', build: { id: task.build_id }, build_chroot }, now)
  }
  await tx
    .updateTable('build')
    .set({ source_state: 'succeeded', source_ended_at: now })
    .where('id', '=', task.build_id)
    .execute()
  await refreshBuild(tx, task.build_id, now)
  await notify(tx, 'copr_queue')
}

/** The builder brought the results: they wait to be verified, signed and published. The build chroot goes on running until then. */
export async function finishRpm(
  tx: Tx,
  task: TaskRow,
  { files, seconds }: { files: ResultFile[]; seconds: Record<string, number> | undefined },
  now: Date,
): Promise<void> {
  await endTask(tx, task, now)
  if (task.build_chroot_id === null)
    throw new Error(`Cannot finish task ${task.id}: it has no build chroot`)
  if (task.cancel_requested) return
  const build_chroot = {
    id: task.build_chroot_id,
    chroot_name: task.task_id.slice(`${task.build_id}-`.length),
    arch: '',
    tags: [],
  }
  await tx
    .updateTable('build_chroot')
    .set({ seconds: seconds ? JSON.stringify(seconds) : null })
    .where('id', '=', task.build_chroot_id)
    .execute()
  await insertTask(
    tx,
    { kind: 'publish', build: { id: task.build_id }, build_chroot, payload: JSON.stringify(files) },
    now,
  )
  await notify(tx, 'copr_publish')
  // It may have been so quick that no heartbeat said that it runs.
  await markChrootRunning(tx, task.build_chroot_id)
  await refreshBuild(tx, task.build_id, now)
}

/** The build's own fault: `reason` is one readable sentence. */
export async function failTask(
  tx: Tx,
  task: TaskRow,
  { reason, seconds }: { reason: string; seconds?: Record<string, number> | undefined },
  now: Date,
): Promise<void> {
  await endTask(tx, task, now)
  const times = seconds ? { seconds: JSON.stringify(seconds) } : {}
  const failed = { state: 'failed', state_reason: reason, ended_at: now } as const
  if (task.build_chroot_id !== null) {
    await tx
      .updateTable('build_chroot')
      .set({ ...failed, ...times })
      .where('id', '=', task.build_chroot_id)
      .where('state', 'in', ['pending', 'starting', 'running'])
      .execute()
  } else {
    await tx
      .updateTable('build')
      .set({ source_state: 'failed', fail_reason: reason, source_ended_at: now })
      .where('id', '=', task.build_id)
      .where('canceled', '=', false)
      .execute()
    await tx
      .updateTable('build_chroot')
      .set(failed)
      .where('build_id', '=', task.build_id)
      .where('state', 'in', ['waiting', 'pending'])
      .execute()
  }
  await refreshBuild(tx, task.build_id, now)
}

/** The agent has stopped a canceled build; cancelBuild() has set the states already. */
export async function endTask(tx: Tx, task: TaskRow, now: Date): Promise<void> {
  await releaseMachine(tx, task, now)
  await tx
    .updateTable('task')
    .set({ state: 'done', last_lease: task.lease, lease: null, lease_until: null, phase: null })
    .where('id', '=', task.id)
    .execute()
}

/** Back to the queue, through no fault of the build: the machine is lost or cannot go on. */
export async function giveBack(
  db: Db,
  lease: string,
  {
    cause,
    reason,
    max_attempts,
    now,
    wait_seconds = 0,
    only_lapsed = false,
  }: {
    /** Default: the machine is lost. */
    cause?: LostCause
    reason: string
    max_attempts: number
    now: Date
    wait_seconds?: number
    /** Leaves a lease alone that was renewed meanwhile. */
    only_lapsed?: boolean
  },
): Promise<'queued' | 'ended' | undefined> {
  return await db.transaction().execute(async (tx) => {
    const task = await lockLeased(tx, lease)
    if (!task || (only_lapsed && (task.lease_until ?? now) >= now)) return undefined
    if (task.cancel_requested) {
      await endTask(tx, task, now)
      return 'ended'
    }
    // Publishing fails for reasons that pass; a build that loses every machine it gets does not.
    if (task.kind !== 'publish' && task.attempts >= max_attempts) {
      await failTask(
        tx,
        task,
        { reason: `Given up after ${task.attempts} tries. The last one: ${reason}` },
        now,
      )
      return 'ended'
    }
    await releaseMachine(tx, task, now)
    const more = cause === 'out_of_memory' ? await moreMemory(tx, task) : {}
    await tx
      .updateTable('task')
      .set({
        ...more,
        lost_cause: cause ?? 'machine_lost',
        state: 'queued',
        lease: null,
        lease_until: null,
        machine_id: null,
        phase: null,
        not_before: wait_seconds > 0 ? new Date(now.getTime() + wait_seconds * 1000) : null,
      })
      .where('id', '=', task.id)
      .execute()
    if (task.kind === 'source')
      await tx
        .updateTable('build')
        .set({ source_state: 'pending' })
        .where('id', '=', task.build_id)
        .execute()
    if (task.kind === 'rpm' && task.build_chroot_id !== null)
      await tx
        .updateTable('build_chroot')
        .set({ state: 'pending', state_reason: reason })
        .where('id', '=', task.build_chroot_id)
        .where('state', 'in', ['starting', 'running'])
        .execute()
    await refreshBuild(tx, task.build_id, now)
    await notify(tx, task.kind === 'publish' ? 'copr_publish' : 'copr_queue')
    return 'queued'
  })
}

/** It goes to a bigger machine than the one that was too small, where there is one (claimTask). */
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

/** Returns every lapsed lease to the queue. May run anywhere, any number of times. */
export async function requeueLapsed(
  db: Db,
  { now, max_attempts }: { now: Date; max_attempts: number },
): Promise<number> {
  const lapsed = await db
    .selectFrom('task')
    .select('lease')
    .where('state', '=', 'leased')
    .where('lease_until', '<', now)
    .execute()
  let count = 0
  for (const { lease } of lapsed) {
    if (lease === null) continue
    const outcome = await giveBack(db, lease, {
      reason: 'The builder was lost: it sent no sign of life',
      max_attempts,
      now,
      only_lapsed: true,
    })
    if (outcome) count++
  }
  return count
}
