import type { BuildState } from '@copr/contract/states'
import { notify } from '../database/notify.ts'
import type { Tx } from '../database/open.ts'

/** From each state of a source build or build chroot, the states it may move to. One that leads nowhere is final. */
const MOVES = {
  waiting: ['pending', 'skipped', 'failed', 'canceled', 'forked'],
  pending: ['starting', 'failed', 'canceled'],
  starting: ['running', 'pending', 'importing', 'succeeded', 'failed', 'canceled'], // pending again: the builder was lost
  running: ['succeeded', 'importing', 'failed', 'pending', 'canceled'],
  importing: ['succeeded', 'failed', 'canceled'],
  succeeded: [],
  failed: [],
  canceled: [],
  skipped: [],
  forked: [],
  unknown: [],
} as const satisfies Record<BuildState, readonly BuildState[]>

export const FINAL_STATES = (Object.keys(MOVES) as BuildState[]).filter((state) => isFinal(state))

export function isFinal(state: BuildState): boolean {
  return movesFrom(state).length === 0
}

/** The states from which `to` can be reached: the `where` of every compare-and-set. */
export function statesBefore(to: BuildState): BuildState[] {
  return (Object.keys(MOVES) as BuildState[]).filter((from) => movesFrom(from).includes(to))
}

function movesFrom(state: BuildState): readonly BuildState[] {
  return MOVES[state]
}

/** A build's state is the first of these that any of its chroots has. */
const PRECEDENCE = [
  'running',
  'starting',
  'pending',
  'failed',
  'succeeded',
  'skipped',
  'forked',
] as const

/** The state that users see, from the source's and the chroots' states. Source: copr's Build.status. */
export function derivedState(
  build: { canceled: boolean; source_state: BuildState },
  chroots: BuildState[],
): BuildState {
  if (build.canceled) return 'canceled'
  if (['starting', 'pending', 'running', 'importing', 'failed'].includes(build.source_state))
    return build.source_state
  if (chroots.length === 0) return 'waiting'
  const first = PRECEDENCE.find((state) => chroots.includes(state))
  if (first) return first
  if (chroots.includes('waiting')) return 'pending'
  // All were canceled because their chroots went end-of-life.
  return chroots.every((state) => state === 'canceled') ? 'canceled' : 'unknown'
}

/**
 * Locks a build for the rest of the transaction. Everything that changes a build, its chroots or tasks takes this lock first,
 * so that no two of them wait for each other crosswise.
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

/** Brings the build's derived columns up to date and tells whoever waits for it. The build must be locked. */
export async function refreshBuild(tx: Tx, buildId: number, now: Date): Promise<void> {
  const build = await tx
    .selectFrom('build')
    .select(['canceled', 'source_state', 'finished_at'])
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
    sourceEnded || (isFinal(build.source_state) && states.every((each) => isFinal(each)))
  await tx
    .updateTable('build')
    .set({ state, finished_at: finished ? (build.finished_at ?? now) : null })
    .where('id', '=', buildId)
    .execute()
  await notify(tx, 'copr_build', String(buildId))
  // A batch may wait for this build.
  if (finished && build.finished_at === null) await notify(tx, 'copr_queue')
}
