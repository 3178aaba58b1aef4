import { failureOutsideLogs } from '@copr/contract/failure'
import { sql } from 'kysely'
import { notify } from '../database/notify.ts'
import type { Db, Tx } from '../database/open.ts'
import { refreshBuild } from '../states/build-state.ts'
import { moveChroots } from '../states/chroot-state.ts'
import { moveTasks } from '../states/task-state.ts'
import type { ChainStep } from './chain-graph.ts'
import { type ChainPlan, planChroot } from './chain-plan.ts'
import { loadSteps } from './chain-steps.ts'

/** A chain that has not been started this long after its creation starts automatically, because its client has probably gone. */
const START_AFTER_MS = 3_600_000

/**
 * Takes all due actions in unfinished chains: queues steps, fails those that can never start, and ends chains. Idempotent; may run in
 * several processes.
 */
export async function advanceChains(db: Db, now: Date): Promise<void> {
  await startForgotten(db, now)
  const chains = await db
    .selectFrom('chain')
    .innerJoin('project', 'project.id', 'chain.project_id')
    .select('chain.id')
    .where('ended_at', 'is', null)
    .where('started_at', 'is not', null)
    .where('project.deleted_at', 'is', null)
    .orderBy('chain.id')
    .execute()
  for (const { id } of chains) await advanceChain(db, id, now)
}

async function startForgotten(db: Db, now: Date): Promise<void> {
  await db
    .updateTable('chain')
    .set({ started_at: now })
    .where('started_at', 'is', null)
    .where('ended_at', 'is', null)
    .where('created_at', '<', new Date(now.getTime() - START_AFTER_MS))
    .execute()
}

async function advanceChain(db: Db, id: number, now: Date): Promise<void> {
  // Planned first without locks: while builds are locked, machines cannot claim their tasks.
  if (!hasWork(await planChain(db, id))) return
  await db.transaction().execute(async (tx) => {
    const chain = await tx
      .selectFrom('chain')
      .select('id')
      .where('id', '=', id)
      .where('ended_at', 'is', null)
      .forNoKeyUpdate()
      .executeTakeFirst()
    if (!chain) return
    // Locked in the order of the build ids, which prevents deadlocks. From here on, no build of the chain can change before the plan has
    // been executed.
    await sql`select id from build where chain_id = ${id} and finished_at is null order by id for update`.execute(
      tx,
    )
    const plan = await planChain(tx, id)
    for (const { release, stuck, built } of plan.chroots) {
      for (const step of release) await releaseStep(tx, step, built)
      for (const { step, reason } of stuck) await failStep(tx, { step, reason }, now)
    }
    if (plan.is_over)
      await tx.updateTable('chain').set({ ended_at: now }).where('id', '=', id).execute()
    await notify(tx, 'copr_queue')
    await notify(tx, 'copr_chain')
  })
}

interface WholePlan {
  chroots: (ChainPlan & { built: number })[]
  /** Whether all builds of the chain have ended. */
  is_over: boolean
}

async function planChain(db: Db, id: number): Promise<WholePlan> {
  const builds = await db
    .selectFrom('build')
    .select(['source_state', 'finished_at'])
    .where('chain_id', '=', id)
    .execute()
  const open = builds.filter(({ finished_at }) => finished_at === null)
  const is_moving = open.some(({ source_state }) => source_state !== 'succeeded')
  const steps = open.length === 0 ? [] : await loadSteps(db, id)
  const chroots = [...Map.groupBy(steps, ({ chroot }) => chroot).values()].map((some) => ({
    ...planChroot(some, { is_moving }),
    built: some.filter(({ phase }) => phase === 'succeeded').length,
  }))
  return { chroots, is_over: open.length === 0 }
}

function hasWork({ chroots, is_over }: WholePlan): boolean {
  return is_over || chroots.some(({ release, stuck }) => release.length + stuck.length > 0)
}

async function releaseStep(tx: Tx, step: ChainStep, released_with: number): Promise<void> {
  const { build_chroot_id } = step
  await tx
    .insertInto('chain_step')
    .values({ build_chroot_id, released_with })
    .onConflict((conflict) => conflict.column('build_chroot_id').doUpdateSet({ released_with }))
    .execute()
  await tx
    .updateTable('build_chroot')
    .set({ state_reason: null })
    .where('id', '=', build_chroot_id)
    .execute()
  await moveTasks(tx, await parkedTasks(tx, step), { to: 'queued', from: ['parked'] })
}

async function failStep(
  tx: Tx,
  { step, reason }: ChainPlan['stuck'][number],
  now: Date,
): Promise<void> {
  const { build_chroot_id, build_id } = step
  await moveTasks(tx, await parkedTasks(tx, step), { to: 'done', from: ['parked'] })
  const failure = JSON.stringify(failureOutsideLogs('dependency', HINT))
  const set = { state_reason: reason, failure, ended_at: now }
  await moveChroots(tx, [build_chroot_id], { to: 'failed', from: ['pending'], set })
  await tx
    .updateTable('chain_step')
    .set({ is_stuck: true })
    .where('build_chroot_id', '=', build_chroot_id)
    .execute()
  await refreshBuild(tx, build_id, now)
}

const HINT =
  'Add the missing packages to the chain or a repository that has them to the project. Break a cycle with a build condition: build one of its packages without the requirement first, then all of them.'

async function parkedTasks(tx: Tx, { build_chroot_id }: ChainStep): Promise<number[]> {
  const tasks = await tx
    .selectFrom('task')
    .select('id')
    .where('build_chroot_id', '=', build_chroot_id)
    .where('state', '=', 'parked')
    .execute()
  return tasks.map(({ id }) => id)
}
