import type { Updateable } from 'kysely'
import type { Tx } from '../database/open.ts'
import type { BuildChrootTable } from '../database/schema.ts'
import { announceChroots } from '../outbox/announce.ts'
import { expectedBefore, isFinal, statesOf, type Transitions } from './transitions.ts'
import type { ChrootState } from '../database/state-columns.ts'

/**
 * The states of a build in one chroot. The initial state is `waiting`, which lasts until the source has been imported; in `pending`, the
 * build can start. The build stays `running` while its results are published. It returns to `pending` if the builder is lost or if its
 * chain makes it wait. Only a chain can fail a build that has not started.
 */
export const CHROOT_TRANSITIONS: Transitions<ChrootState> = {
  waiting: ['pending', 'failed', 'canceled', 'skipped', 'forked'],
  pending: ['starting', 'failed', 'canceled'],
  starting: ['running', 'pending', 'failed', 'canceled'],
  running: ['succeeded', 'pending', 'failed', 'canceled'],
  succeeded: [],
  failed: [],
  canceled: [],
  skipped: [],
  forked: [],
}

export const OPEN_CHROOT_STATES = statesOf(CHROOT_TRANSITIONS).filter(
  (state) => !isFinal(CHROOT_TRANSITIONS, state),
)

export interface ChrootMove {
  to: ChrootState
  /** The expected states before the move. Default: all from which `to` can be reached. */
  from?: readonly ChrootState[]
  set?: Updateable<BuildChrootTable>
}

/**
 * Moves the build chroots that are in one of the states `from` to the state `to`; returns their ids. Their builds must be locked. Throws if
 * a transition is not allowed. Announces the start and the end of builds as events.
 */
export async function moveChroots(
  tx: Tx,
  ids: readonly number[],
  { to, from, set = {} }: ChrootMove,
): Promise<number[]> {
  const before = expectedBefore(CHROOT_TRANSITIONS, to, from)
  if (ids.length === 0) return []
  const moved = await tx
    .updateTable('build_chroot')
    .set({ ...set, state: to } as Updateable<BuildChrootTable>)
    .where('id', 'in', ids)
    .where('state', 'in', before)
    .returning('id')
    .execute()
  const movedIds = moved.map(({ id }) => id)
  if (to === 'starting') await announceChroots(tx, movedIds, 'chroot.started')
  else if (to !== 'forked' && isFinal(CHROOT_TRANSITIONS, to))
    await announceChroots(tx, movedIds, 'chroot.finished')
  return movedIds
}
