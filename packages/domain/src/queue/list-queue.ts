import type { BuildState } from '@copr/contract/states'
import { sql } from 'kysely'
import type { Db } from '../database/open.ts'

/** A queued or running task, as the queue pages show it. */
export interface QueuedTask {
  id: number
  build_id: number
  ownername: string
  projectname: string
  dirname: string
  package_name: string | null
  /** Null for the source package. */
  chroot: string | null
  state: BuildState
  is_background: boolean
  queued_at: Date
  leased_at: Date | null
  machine: string | null
  /** How many times the task was started. */
  tries: number
  /** Why the previous attempt was lost through no fault of the build; null if no attempt was lost. */
  lost_cause: string | null
}

export const QUEUE_STATES = ['pending', 'starting', 'running', 'importing'] as const
export type QueueState = (typeof QUEUE_STATES)[number]

/** The state of the task's build chroot or, if it has none, of the build's source. */
const STEP = sql<BuildState>`coalesce(build_chroot.state, build.source_state)`

/**
 * Selects the tasks in a state. An import task is `importing`, whether it is queued or leased. A builder task is `pending` if it is queued;
 * if it is leased, it has the state of its build chroot or source. Publish tasks are never selected, because their packages have already
 * been built. The builds are needed only for leased tasks, of which there are far fewer than queued ones.
 */
function tasksIn(state: QueueState) {
  if (state === 'importing')
    return sql<boolean>`task.state in ('queued', 'leased') and task.kind = 'import'`
  if (state === 'pending')
    return sql<boolean>`task.state = 'queued' and task.kind in ('source', 'rpm')`
  return sql<boolean>`task.state = 'leased' and task.kind in ('source', 'rpm') and ${STEP} = ${state}`
}

/** Lists tasks in a state by id, starting after `after_id`. */
export async function listQueue(
  db: Db,
  state: QueueState,
  { after_id = 0, limit }: { after_id?: number | undefined; limit: number },
): Promise<QueuedTask[]> {
  return await queuedTasks(db)
    .where(tasksIn(state))
    .where('task.id', '>', after_id)
    .orderBy('task.id')
    .limit(limit)
    .execute()
}

/** Lists builder tasks, queued or leased, that are being retried because an attempt was lost; newest first. */
export async function listLost(db: Db, limit: number): Promise<QueuedTask[]> {
  return await queuedTasks(db)
    .where('task.state', 'in', ['queued', 'leased'])
    .where('task.kind', 'in', ['source', 'rpm'])
    .where('task.lost_cause', 'is not', null)
    .orderBy('task.id', 'desc')
    .limit(limit)
    .execute()
}

function queuedTasks(db: Db) {
  return db
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
      'task.attempts as tries',
      'task.lost_cause',
      STEP.as('state'),
    ])
}

/** Counts the tasks in each state. */
export async function queueCounts(db: Db): Promise<Record<QueueState, number>> {
  const alone = (state: QueueState) =>
    sql<number>`(select count(*) from task where ${tasksIn(state)})`
  const withBuild = (state: QueueState) => sql<number>`(
    select count(*) from task join build on build.id = task.build_id
    left join build_chroot on build_chroot.id = task.build_chroot_id where ${tasksIn(state)})`
  return await db
    .selectNoFrom([
      alone('pending').as('pending'),
      withBuild('starting').as('starting'),
      withBuild('running').as('running'),
      alone('importing').as('importing'),
    ])
    .executeTakeFirstOrThrow()
}
