import { notify } from '../database/notify.ts'
import type { Tx } from '../database/open.ts'
import { releaseMachine } from '../machines/release-machine.ts'
import type { TaskRow } from '../queue/leases.ts'
import { refreshBuild } from '../states/build-state.ts'
import { moveChroots } from '../states/chroot-state.ts'
import { moveTasks } from '../states/task-state.ts'
import { noteAttempt } from './chain-steps.ts'

/** The dependencies that a failed attempt found. */
export interface FoundDependencies {
  /** The requirements that no repository provides. */
  unmet: string[]
  /** The Provides that the spec declares. */
  provides: string[]
}

/**
 * Parks a leased and locked task of a chain's build if its attempt found requirements missing, because other packages of the chain may
 * provide them. Returns false if the build is in no chain or nothing is missing; then it changes nothing, except that it records the
 * findings of the attempt.
 */
export async function parkInChain(
  tx: Tx,
  task: TaskRow,
  found: FoundDependencies,
  now: Date,
): Promise<boolean> {
  const { build_chroot_id } = task
  if (build_chroot_id === null || task.kind !== 'rpm') return false
  const { chain_id } = await tx
    .selectFrom('build')
    .select('chain_id')
    .where('id', '=', task.build_id)
    .executeTakeFirstOrThrow()
  if (chain_id === null) return false
  await noteAttempt(tx, build_chroot_id, found)
  if (found.unmet.length === 0) return false
  await releaseMachine(tx, task, now)
  // Resets `attempts` to 1, so that all attempts that found requirements missing count as one: `attempts` limits how often a task may lose
  // its machine.
  const idle = { lease: null, lease_until: null, machine_id: null, phase: null, attempts: 1 }
  await moveTasks(tx, [task.id], { to: 'parked', set: { ...idle, lost_cause: null } })
  const state_reason = waitText(found.unmet)
  const from = ['starting', 'running'] as const
  await moveChroots(tx, [build_chroot_id], { to: 'pending', from, set: { state_reason } })
  await refreshBuild(tx, task.build_id, now)
  await notify(tx, 'copr_chain')
  return true
}

const MAX_NAMED = 5

function waitText(unmet: string[]): string {
  const named = unmet.slice(0, MAX_NAMED).map((one) => one.slice(0, 200))
  const more = unmet.length > named.length ? ` and ${unmet.length - named.length} more` : ''
  return `It waits for other packages of its chain: nothing provides ${named.join(', ')}${more} yet`
}
