import type { Tx } from '../database/open.ts'
import { lockBuild, refreshBuild } from '../states/build-state.ts'
import { moveChroots, OPEN_CHROOT_STATES } from '../states/chroot-state.ts'
import { cancelTasks } from '../states/task-state.ts'

/** Cancels all unfinished builds in one chroot; in their other chroots, the builds continue. */
export async function cancelBuildsOfChroot(tx: Tx, chroot_id: number, now: Date): Promise<void> {
  const builds = await openIn(tx, chroot_id)
    .select('build_id')
    .distinct()
    .orderBy('build_id')
    .execute()
  for (const { build_id } of builds) {
    await lockBuild(tx, build_id)
    const canceled = await openIn(tx, chroot_id)
      .select('id')
      .where('build_id', '=', build_id)
      .execute()
    if (canceled.length === 0) continue
    const ids = canceled.map(({ id }) => id)
    const state_reason = 'The chroot has reached its end of life'
    await moveChroots(tx, ids, { to: 'canceled', set: { state_reason, ended_at: now } })
    const tasks = await tx
      .selectFrom('task')
      .select('id')
      .where('build_chroot_id', 'in', ids)
      .execute()
    await cancelTasks(
      tx,
      tasks.map(({ id }) => id),
    )
    await refreshBuild(tx, build_id, now)
  }
}

/**
 * Selects the unfinished build chroots. Those with a generation are excluded: their results are already in the repository, and only its
 * index has not been updated yet.
 */
function openIn(tx: Tx, chroot_id: number) {
  return tx
    .selectFrom('build_chroot')
    .where('chroot_id', '=', chroot_id)
    .where('state', 'in', OPEN_CHROOT_STATES)
    .where('generation', 'is', null)
}
