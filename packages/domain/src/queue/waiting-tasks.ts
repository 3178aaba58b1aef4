import type { BuildState } from '@copr/contract/states'
import { sql } from 'kysely'
import type { Db } from '../database/open.ts'

/** A task that waits or runs, for those who look at the queue. */
export interface QueuedTask {
  id: number
  build_id: number
  ownername: string
  projectname: string
  dirname: string
  package_name: string | null
  /** Null: the source package. */
  chroot: string | null
  state: BuildState
  is_background: boolean
  queued_at: Date
  leased_at: Date | null
  machine: string | null
}

export const QUEUE_STATES = ['pending', 'starting', 'running', 'importing'] as const
export type QueueState = (typeof QUEUE_STATES)[number]

/** Where the task's step of the build stands. */
const STEP = sql<BuildState>`coalesce(build_chroot.state, build.source_state)`

/** In the order in which they came, from after a task on. */
export async function listQueue(
  db: Db,
  state: QueueState,
  { after_id = 0, limit }: { after_id?: number | undefined; limit: number },
): Promise<QueuedTask[]> {
  return await db
    .selectFrom('task')
    .innerJoin('build', 'build.id', 'task.build_id')
    .innerJoin('project', 'project.id', 'build.project_id')
    .innerJoin('project_dir', 'project_dir.id', 'build.project_dir_id')
    .leftJoin('package', 'package.id', 'build.package_id')
    .leftJoin('build_chroot', 'build_chroot.id', 'task.build_chroot_id')
    .leftJoin('chroot', 'chroot.id', 'build_chroot.chroot_id')
    .leftJoin('machine', 'machine.id', 'task.machine_id')
    .select([
      'task.id',
      'task.build_id',
      'project.ownername',
      'project.name as projectname',
      'project_dir.name as dirname',
      'package.name as package_name',
      'chroot.name as chroot',
      'build.is_background',
      'task.queued_at',
      'task.leased_at',
      'machine.name as machine',
      STEP.as('state'),
    ])
    .where('task.state', 'in', ['queued', 'leased'])
    // One task a step: what is published was built before.
    .where('task.kind', '<>', 'publish')
    .where('task.id', '>', after_id)
    .where(STEP, '=', state)
    .orderBy('task.id')
    .limit(limit)
    .execute()
}

/** How many tasks are in each state. */
export async function queueCounts(db: Db): Promise<Record<QueueState, number>> {
  const rows = await db
    .selectFrom('task')
    .innerJoin('build', 'build.id', 'task.build_id')
    .leftJoin('build_chroot', 'build_chroot.id', 'task.build_chroot_id')
    .select([STEP.as('state'), (eb) => eb.fn.countAll<number>().as('count')])
    .where('task.state', 'in', ['queued', 'leased'])
    .where('task.kind', '<>', 'publish')
    .groupBy(STEP)
    .execute()
  const counts = new Map<string, number>(rows.map(({ state, count }) => [state, count]))
  return Object.fromEntries(QUEUE_STATES.map((state) => [state, counts.get(state) ?? 0])) as Record<
    QueueState,
    number
  >
}
