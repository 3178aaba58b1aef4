import { audit } from '../audit/audit.ts'
import type { Actor } from '../audit/actor.ts'
import { CoprError } from '@copr/process/errors'
import { paddedBuildId } from '@copr/contract/names'
import { notify } from '../database/notify.ts'
import type { Db, Tx } from '../database/open.ts'
import { lockBuild, refreshBuild } from '../states/build-state.ts'
import { moveChroots, OPEN_CHROOT_STATES } from '../states/chroot-state.ts'
import { moveSource, SOURCE_TRANSITIONS } from '../states/source-state.ts'
import { cancelTasks } from '../states/task-state.ts'
import { isFinal } from '../states/transitions.ts'

/**
 * Cancels whatever is unfinished in a build. Queued tasks end at once; the agents that run tasks are notified at their next heartbeat.
 * Throws `conflict` if there is nothing left to cancel.
 */
export async function cancelBuild(db: Db, actor: Actor, buildId: number, now: Date): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await lockBuild(tx, buildId)
    const build = await tx
      .selectFrom('build')
      .select(['finished_at', 'source_state', 'project_id'])
      .where('id', '=', buildId)
      .executeTakeFirst()
    if (!build) throw new CoprError('not_found', `Build ${buildId} does not exist`)
    // A chroot with a generation is excluded: its results are already members of the repository, and only the index has not been updated
    // yet.
    const open = await tx
      .selectFrom('build_chroot')
      .select('id')
      .where('build_id', '=', buildId)
      .where('state', 'in', OPEN_CHROOT_STATES)
      .where('generation', 'is', null)
      .execute()
    const isSourceOpen = !isFinal(SOURCE_TRANSITIONS, build.source_state)
    if (build.finished_at !== null || (open.length === 0 && !isSourceOpen))
      throw new CoprError('conflict', `Cannot cancel build ${buildId}: it is finished already`)
    await tx.updateTable('build').set({ canceled: true }).where('id', '=', buildId).execute()
    if (isSourceOpen)
      await moveSource(tx, buildId, { to: 'canceled', set: { source_ended_at: now } })
    await moveChroots(tx, idsOf(open), { to: 'canceled', set: { ended_at: now } })
    const tasks = await tx.selectFrom('task').select('id').where('build_id', '=', buildId).execute()
    await cancelTasks(tx, idsOf(tasks))
    await refreshBuild(tx, buildId, now)
    const { project_id } = build
    await audit(tx, actor, { action: 'build.cancel', project_id, subject: `build ${buildId}` }, now)
  })
}

const idsOf = (rows: { id: number }[]): number[] => rows.map(({ id }) => id)

/** Atomically deletes finished builds of one project. Their results are removed from the repositories at once, and from the disk later. */
export async function deleteBuilds(
  db: Db,
  actor: Actor,
  buildIds: number[],
  now: Date,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const build = await tx
      .selectFrom('build')
      .select('project_id')
      .where('id', 'in', buildIds.length > 0 ? buildIds : [0])
      .limit(1)
      .executeTakeFirst()
    await deleteBuildsIn(tx, buildIds, now)
    const subject = `builds ${buildIds.join(', ')}`
    await audit(tx, actor, { action: 'build.delete', project_id: build?.project_id, subject }, now)
  })
}

/** Deletes finished builds in the caller's transaction, without an entry in the audit log. */
export async function deleteBuildsIn(tx: Tx, buildIds: number[], now: Date): Promise<void> {
  // Locks are always taken in the order of build IDs, so deadlocks are impossible.
  for (const id of [...new Set(buildIds)].toSorted((a, b) => a - b)) await deleteBuild(tx, id, now)
  await notify(tx, 'copr_repository')
  await notify(tx, 'copr_removal')
}

async function deleteBuild(tx: Tx, buildId: number, now: Date): Promise<void> {
  if (!(await lockBuild(tx, buildId)))
    throw new CoprError('not_found', `Build ${buildId} does not exist`)
  const build = await tx
    .selectFrom('build')
    .innerJoin('project', 'project.id', 'build.project_id')
    .innerJoin('project_dir', 'project_dir.id', 'build.project_dir_id')
    .select(['build.finished_at', 'project.ownername', 'project_dir.name as dirname'])
    .where('build.id', '=', buildId)
    .executeTakeFirstOrThrow()
  if (build.finished_at === null)
    throw new CoprError(
      'conflict',
      `You can not delete build ${buildId}: it is not finished; cancel it first`,
    )
  const chroots = await tx
    .selectFrom('build_chroot')
    .innerJoin('chroot', 'chroot.id', 'build_chroot.chroot_id')
    .select(['build_chroot.id', 'build_chroot.result_dir', 'chroot.name'])
    .where('build_chroot.build_id', '=', buildId)
    .execute()
  // In devel mode a build's packages may be members of two repositories.
  await tx
    .updateTable('repository')
    .set((eb) => ({ generation: eb('generation', '+', 1) }))
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('repository_member')
        .innerJoin('build_chroot', 'build_chroot.id', 'repository_member.build_chroot_id')
        .select('repository_member.repository_id')
        .where('build_chroot.build_id', '=', buildId),
    )
    .execute()
  const base = `${build.ownername}/${build.dirname}`
  const paths = [
    `${base}/srpm-builds/${paddedBuildId(buildId)}`,
    ...chroots.flatMap((chroot) =>
      chroot.result_dir === null ? [] : `${base}/${chroot.name}/${chroot.result_dir}`,
    ),
  ]
  await tx
    .insertInto('removal')
    .values(paths.map((path) => ({ place: 'results' as const, path, wanted_at: now })))
    .execute()
  await tx.deleteFrom('build').where('id', '=', buildId).execute()
}
