import type { BuildState } from '@copr/contract/states'
import type { Updateable } from 'kysely'
import { notify } from '../database/notify.ts'
import type { Tx } from '../database/open.ts'
import type { BuildTable } from '../database/schema.ts'
import type { ChrootState, SourceState } from '../database/state-columns.ts'
import { announceBuild } from '../outbox/announce.ts'
import { CHROOT_TRANSITIONS } from './chroot-state.ts'
import { SOURCE_TRANSITIONS } from './source-state.ts'
import { isFinal } from './transitions.ts'

/** The state of a build is the first of these states that at least one of its chroots has. */
const PRECEDENCE = [
  'running',
  'starting',
  'pending',
  'failed',
  'succeeded',
  'skipped',
  'forked',
] as const satisfies ChrootState[]

/**
 * Returns the state that users see. It is derived from the states of the source and the chroots in the same way as `Build.status` in Copr.
 */
function derivedState(
  build: { canceled: boolean; source_state: SourceState },
  chroots: ChrootState[],
): BuildState {
  if (build.canceled) return 'canceled'
  if (['starting', 'pending', 'running', 'importing', 'failed'].includes(build.source_state))
    return build.source_state
  if (chroots.length === 0) return 'waiting'
  const first = PRECEDENCE.find((state) => chroots.includes(state))
  if (first) return first
  if (chroots.includes('waiting')) return 'pending'
  // If every chroot is `canceled` although the build itself was not canceled, all its chroots have reached their end of life.
  return chroots.every((state) => state === 'canceled') ? 'canceled' : 'unknown'
}

/**
 * Locks a build for the rest of the transaction; returns false if it does not exist. Every change to a build, its chroots or its tasks
 * takes this lock first, so deadlocks are impossible.
 */
export async function lockBuild(tx: Tx, buildId: number): Promise<boolean> {
  const row = await tx
    .selectFrom('build')
    .select('id')
    .where('id', '=', buildId)
    .forUpdate()
    .executeTakeFirst()
  return row !== undefined
}

/** Updates the derived columns of a locked build, and notifies those who listen for its changes. */
export async function refreshBuild(tx: Tx, buildId: number, now: Date): Promise<void> {
  const build = await tx
    .selectFrom('build')
    .select(['canceled', 'source_state', 'finished_at', 'chain_id'])
    .where('id', '=', buildId)
    .executeTakeFirstOrThrow()
  const chroots = await tx
    .selectFrom('build_chroot')
    .select('state')
    .where('build_id', '=', buildId)
    .execute()
  const states = chroots.map((chroot) => chroot.state)
  const state = derivedState(build, states)
  const sourceEnded =
    build.canceled || build.source_state === 'failed' || build.source_state === 'canceled'
  const finished =
    sourceEnded ||
    (isFinal(SOURCE_TRANSITIONS, build.source_state) &&
      states.every((each) => isFinal(CHROOT_TRANSITIONS, each)))
  await tx
    .updateTable('build')
    .set({
      state,
      finished_at: finished ? (build.finished_at ?? now) : null,
    } as Updateable<BuildTable>)
    .where('id', '=', buildId)
    .execute()
  await notify(tx, 'copr_build', String(buildId))
  if (build.chain_id !== null) await notify(tx, 'copr_chain')
  if (!finished || build.finished_at !== null) return
  // A batch may wait for this build.
  await notify(tx, 'copr_queue')
  await announceBuild(tx, buildId)
}
