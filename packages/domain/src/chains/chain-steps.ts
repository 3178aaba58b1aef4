import type { BuildState } from '@copr/contract/states'
import { sql } from 'kysely'
import type { Db, Tx } from '../database/open.ts'
import { boundedDependencies } from './dependency-text.ts'
import type { ChainStep, StepPhase } from './chain-graph.ts'

/** A step with additional fields that pages and the API show. */
export interface ShownStep extends ChainStep {
  chroot: string
  state: BuildState
  state_reason: string | null
}

/** Loads the steps of a chain: one for each chroot of each build, provided that the chroots of the build are already known. */
export async function loadSteps(db: Db, chain_id: number): Promise<ShownStep[]> {
  const { rows } = await sql<Omit<ShownStep, 'phase'> & { is_parked: boolean }>`
    select build_chroot.id as build_chroot_id, build.id as build_id, coalesce(package.name, 'build ' || build.id) as package_name,
      chroot.name as chroot, build_chroot.state, build_chroot.state_reason, build_chroot.ended_at,
      coalesce(chain_step.requires, '{}') as requires, coalesce(chain_step.unmet, '{}') as unmet,
      coalesce(chain_step.provides, '{}') as provides, chain_step.released_with, coalesce(chain_step.is_stuck, false) as is_stuck,
      exists (select from task where task.build_chroot_id = build_chroot.id and task.state = 'parked') as is_parked
    from build
    join build_chroot on build_chroot.build_id = build.id
    join chroot on chroot.id = build_chroot.chroot_id
    left join package on package.id = build.package_id
    left join chain_step on chain_step.build_chroot_id = build_chroot.id
    where build.chain_id = ${chain_id}
    order by chroot.name, build.id`.execute(db)
  return rows.map(({ is_parked, ...step }) => ({
    ...step,
    phase: is_parked ? 'parked' : PHASES[step.state],
  }))
}

const PHASES: Record<BuildState, StepPhase> = {
  waiting: 'source',
  importing: 'source',
  pending: 'active',
  starting: 'active',
  running: 'active',
  succeeded: 'succeeded',
  failed: 'ended',
  canceled: 'ended',
  skipped: 'ended',
  forked: 'ended',
  unknown: 'ended',
}

/** Inserts the steps of a build once its chroots are known, with the requirements in its SRPM's header. */
export async function insertSteps(
  tx: Tx,
  build_id: number,
  requires: readonly string[],
): Promise<void> {
  const chroots = await tx
    .selectFrom('build_chroot')
    .select('id as build_chroot_id')
    .where('build_id', '=', build_id)
    .execute()
  if (chroots.length === 0) return
  const known = boundedDependencies(requires)
  await tx
    .insertInto('chain_step')
    .values(chroots.map((each) => ({ ...each, requires: known })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Records the dependencies of a step that has been built; does nothing if the build is in no chain. */
export async function noteBuilt(
  tx: Tx,
  build_chroot_id: number,
  found: { requires: readonly string[]; provides: readonly string[] },
): Promise<void> {
  await tx
    .updateTable('chain_step')
    .set({
      requires: boundedDependencies(found.requires),
      provides: boundedDependencies(found.provides),
    })
    .where('build_chroot_id', '=', build_chroot_id)
    .execute()
}

/** Records what the last attempt found out about a step; does nothing if the build is in no chain. */
export async function noteAttempt(
  tx: Tx,
  build_chroot_id: number,
  { unmet, provides }: { unmet: readonly string[]; provides: readonly string[] },
): Promise<void> {
  const declared = boundedDependencies(provides)
  await tx
    .updateTable('chain_step')
    .set({
      unmet: boundedDependencies(unmet),
      ...(declared.length > 0 && { provides: declared }),
    })
    .where('build_chroot_id', '=', build_chroot_id)
    .execute()
}
