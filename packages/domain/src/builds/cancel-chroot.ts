import type { Tx } from '../database/open.ts'
import { lockBuild, refreshBuild } from '../states/build-state.ts'

/** Cancels what is unfinished in one chroot, in all builds; their other chroots go on. */
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
    await tx
      .updateTable('build_chroot')
      .set({
        state: 'canceled',
        state_reason: 'The chroot has reached its end of life',
        ended_at: now,
      })
      .where('id', 'in', ids)
      .execute()
    const tasks = tx.updateTable('task').where('build_chroot_id', 'in', ids)
    await tasks.set({ state: 'done' }).where('state', '=', 'queued').execute()
    await tasks.set({ cancel_requested: true }).where('state', '=', 'leased').execute()
    await refreshBuild(tx, build_id, now)
  }
}

/** Results that are members of a repository already are only waiting for its index. */
function openIn(tx: Tx, chroot_id: number) {
  return tx
    .selectFrom('build_chroot')
    .where('chroot_id', '=', chroot_id)
    .where('state', 'in', ['waiting', 'pending', 'starting', 'running'])
    .where('generation', 'is', null)
}
