import type { Updateable } from 'kysely'
import type { Tx } from '../database/open.ts'
import type { BuildTable } from '../database/schema.ts'
import { announceSource } from '../outbox/announce.ts'
import { expectedBefore, type Transitions } from './transitions.ts'
import type { SourceState } from '../database/state-columns.ts'

/**
 * The states of a build's source: its SRPM is made and then imported. The initial state is `pending`, `importing` for an uploaded SRPM, and
 * `succeeded` for a fork. The source returns to `pending` if the builder is lost.
 */
export const SOURCE_TRANSITIONS: Transitions<SourceState> = {
  pending: ['starting', 'canceled'],
  starting: ['running', 'pending', 'importing', 'succeeded', 'failed', 'canceled'],
  running: ['pending', 'importing', 'succeeded', 'failed', 'canceled'],
  importing: ['succeeded', 'failed', 'canceled'],
  succeeded: [],
  failed: [],
  canceled: [],
}

export interface SourceMove {
  to: SourceState
  /** The expected states before the move. Default: all from which `to` can be reached. */
  from?: readonly SourceState[]
  set?: Updateable<BuildTable>
}

/**
 * Moves the source of a locked build; returns false if it is in none of the states `from`. Throws if a transition is not allowed. Announces
 * the start and the end of the work on the source package as events, but not the import that follows.
 */
export async function moveSource(
  tx: Tx,
  build_id: number,
  { to, from, set = {} }: SourceMove,
): Promise<boolean> {
  const before = expectedBefore(SOURCE_TRANSITIONS, to, from)
  const build = await tx
    .selectFrom('build')
    .select('source_state')
    .where('id', '=', build_id)
    .executeTakeFirst()
  const moved = await tx
    .updateTable('build')
    .set({ ...set, source_state: to } as Updateable<BuildTable>)
    .where('id', '=', build_id)
    .where('source_state', 'in', before)
    .returning('id')
    .executeTakeFirst()
  if (!moved) return false
  if (to === 'starting') await announceSource(tx, build_id, 'source.started', to)
  else if (build?.source_state !== 'importing') await announceEnd(tx, build_id, to)
  return true
}

async function announceEnd(tx: Tx, build_id: number, to: SourceState): Promise<void> {
  if (to === 'pending' || to === 'running' || to === 'starting') return
  const state = to === 'importing' ? 'succeeded' : to
  await announceSource(tx, build_id, 'source.finished', state)
}
