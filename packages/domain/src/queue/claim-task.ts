import { buildDirName } from '@copr/contract/names'
import { type RawBuilder, sql } from 'kysely'
import { refreshBuild } from '../states/build-state.ts'
import { moveChroots } from '../states/chroot-state.ts'
import { moveSource } from '../states/source-state.ts'
import { leasing } from '../states/task-state.ts'
import { notify } from '../database/notify.ts'
import type { Db, Tx } from '../database/open.ts'
import { mayClaim, RUNNING, type RunningLimits, withinLimits } from './claim-conditions.ts'
import { BACKGROUND } from './insert-task.ts'
import type { TaskRow } from './leases.ts'

export interface Claimant {
  id: number
  kinds: string[]
  arches: string[]
  tags: string[]
}

export interface ClaimOptions {
  lease: string
  now: Date
  lease_seconds: number
  limits?: RunningLimits
}

/** Thrown to roll back the transaction if the task that it leased must not start now. */
class Refused extends Error {}

/**
 * Leases the next task that the machine may run, if there is one. Tasks are chosen by fairness to owners, then by urgency, then by age. A
 * single statement finds, locks and leases the task and updates the machine, so that any number of machines may claim concurrently. Tasks
 * whose build is locked are skipped; the change for which it is locked is followed by a notification, which makes machines claim again.
 */
export async function claimTask(
  db: Db,
  machine: Claimant,
  options: ClaimOptions,
): Promise<TaskRow | undefined> {
  const { now, limits = {} } = options
  try {
    return await db.transaction().execute(async (tx) => {
      const { rows } = await takeTask(machine, options).execute(tx)
      const [taken] = rows
      if (!taken) return undefined
      const { machine_moved, ...task } = taken
      // The machine was drained, cordoned or held concurrently.
      if (!machine_moved) throw new Refused()
      await checkLimits(tx, task, limits)
      await markStarted(tx, task, now)
      // Concurrent claims may have skipped other tasks of this build while it was locked here.
      await notify(tx, 'copr_queue')
      return task
    })
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

/** Looks up in a JSON object how many tasks of the owner are running; a join would compare each task with each owner. */
const OWNERS_RUNNING = sql<number>`coalesce(((select n from of_owner) -> task.ownername)::int, 0)`

function takeTask(
  machine: Claimant,
  { lease, now, lease_seconds, limits = {} }: ClaimOptions,
): RawBuilder<TaskRow & { machine_moved: boolean }> {
  return sql`
    with me as materialized (
      select machine.id, machine.sandbox, machine.memory_mb, machine.planned_kinds, machine.planned_arches,
        machine.planned_tags, coalesce(pool.one_sandbox, false) as one_sandbox,
        coalesce(pool.on_demand, '{}') as on_demand
      from machine left join pool on pool.name = machine.pool and machine.provider is not null
      where machine.id = ${machine.id} and ${mayClaim(now)}
    ), running as materialized (${RUNNING}), of_owner as materialized (
      select coalesce(jsonb_object_agg(ownername, n), '{}') as n
      from (select ownername, sum(n)::int as n from running group by 1) as each
    ), next as (
      select task.id from me cross join task join build on build.id = task.build_id
      where task.state = 'queued' and task.kind = any(${machine.kinds})
        and (task.arch is null or task.arch = any(${machine.arches}))
        and task.tags <@ ${machine.tags}::text[]
        and task.kind = any(me.planned_kinds)
        and (me.planned_arches is null or task.arch is null or task.arch = any(me.planned_arches))
        and (me.planned_tags is null or task.tags <@ me.planned_tags)
        and (not me.one_sandbox or me.sandbox is null or me.sandbox = task.sandbox)
        and (task.min_memory_mb is null or me.memory_mb is null or me.memory_mb >= task.min_memory_mb
          or not ${canHaveMemory(sql`task.min_memory_mb`)})
        and (task.not_before is null or task.not_before <= ${now})
        and (build.batch_id is null or not exists (
          select from batch join build earlier on earlier.batch_id = batch.blocked_by
          where batch.id = build.batch_id and earlier.finished_at is null))
        and (task.kind not in ('source', 'rpm') or (${withinLimits(limits)}))
      order by task.tags && me.on_demand desc, task.priority >= ${BACKGROUND}, ${OWNERS_RUNNING},
        task.priority, task.queued_at, task.id
      limit 1
      for update of task, build skip locked
    ), taken as (
      ${leasing({ lease, now, lease_seconds, machine_id: machine.id })}
    ), moved as (
      update machine set uses = uses + 1, released_at = null, version = version + 1,
        needs_cleaning = coalesce((select cleans from pool where pool.name = machine.pool and machine.provider is not null), false),
        sandbox = case when me.one_sandbox then taken.sandbox else machine.sandbox end,
        sandboxed_at = coalesce(machine.sandboxed_at, ${now})
      from taken, me
      where machine.id = taken.machine_id and machine.state = 'ready' and not machine.cordoned and machine.held_until is null
        and (not me.one_sandbox or machine.sandbox is null or machine.sandbox = taken.sandbox)
      returning machine.id
    )
    select taken.*, exists (select from moved) as machine_moved from taken`
}

/** A condition: a machine with this much memory exists or can be started. If it is false, any machine may retry the task. */
function canHaveMemory(mb: RawBuilder<number>): RawBuilder<boolean> {
  return sql`(exists (select from offering join pool on pool.name = offering.pool
      where offering.memory_mb >= ${mb} and pool.retired_at is null)
    or exists (select from machine as bigger where bigger.state = 'ready' and bigger.memory_mb >= ${mb}))`
}

function isLimited(limits: RunningLimits): boolean {
  return (
    limits.max_builds_per_owner !== undefined ||
    limits.max_builds_per_project !== undefined ||
    limits.max_builds_per_sandbox !== undefined ||
    limits.max_builds_per_arch !== undefined ||
    limits.max_builds_per_owner_and_arch !== undefined
  )
}

/** Checks the limits again under a lock, because two concurrent claims do not see each other's task. */
async function checkLimits(tx: Tx, task: TaskRow, limits: RunningLimits): Promise<void> {
  if (task.kind === 'import' || !(isLimited(limits) || (await hasQuota(tx, task)))) return
  await sql`select pg_advisory_xact_lock(hashtext('copr running limits'))`.execute(tx)
  const { rows } = await sql<{ ok: boolean }>`
    with running as materialized (
      select ownername, project_id, sandbox, arch, count(*)::int as n from task
      where state = 'leased' and kind in ('source', 'rpm') and id <> ${task.id} group by 1, 2, 3, 4)
    select ${withinLimits(limits)} as ok from task where task.id = ${task.id}`.execute(tx)
  if (!rows[0]?.ok) throw new Refused()
}

/** Reports whether the owner or the project has a quota for running tasks. */
async function hasQuota(tx: Tx, { ownername, project_id }: TaskRow): Promise<boolean> {
  const quota = await tx
    .selectFrom('quota')
    .select('id')
    .where('kind', '=', 'running_builds')
    .where((eb) => eb.or([eb('ownername', '=', ownername), eb('project_id', '=', project_id)]))
    .executeTakeFirst()
  return quota !== undefined
}

async function markStarted(tx: Tx, task: TaskRow, now: Date): Promise<void> {
  if (task.kind === 'source')
    await moveSource(tx, task.build_id, { to: 'starting', set: { source_started_at: now } })
  if (task.kind === 'rpm' && task.build_chroot_id !== null) {
    const { name } = await tx
      .selectFrom('build')
      .innerJoin('package', 'package.id', 'build.package_id')
      .select('package.name')
      .where('build.id', '=', task.build_id)
      .executeTakeFirstOrThrow()
    const set = { started_at: now, result_dir: buildDirName(task.build_id, name) }
    await moveChroots(tx, [task.build_chroot_id], { to: 'starting', set })
  }
  await refreshBuild(tx, task.build_id, now)
}
