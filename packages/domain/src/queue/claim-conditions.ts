import { type RawBuilder, sql } from 'kysely'

/**
 * The configured limits on the number of concurrent tasks. A limit that is not set does not apply. Quotas take precedence over the limits
 * per owner and per project.
 */
export interface RunningLimits {
  max_builds_per_owner?: number | undefined
  max_builds_per_project?: number | undefined
  max_builds_per_sandbox?: number | undefined
  max_builds_per_arch?: Record<string, number> | undefined
  max_builds_per_owner_and_arch?: Record<string, number> | undefined
}

/** Counts the running builder tasks by owner, project, sandbox and architecture. */
export const RUNNING = sql`
  select ownername, project_id, sandbox, arch, count(*)::int as n from task
  where state = 'leased' and kind in ('source', 'rpm') group by 1, 2, 3, 4`

/** A condition on `machine` and the left-joined `pool`: the machine is ready and usable, and has not reached the limits on reuse. */
export function mayClaim(now: Date): RawBuilder<boolean> {
  return sql`machine.state = 'ready' and not machine.cordoned and machine.held_until is null
    and not machine.needs_cleaning and machine.check_failures = 0
    and (pool.name is null or pool.retired_at is null and (machine.uses = 0 or pool.reuse_opportunity_time > 0
      and (pool.reuse_max_count = 0 or machine.uses < pool.reuse_max_count)
      and (pool.reuse_max_time = 0
        or machine.sandboxed_at + pool.reuse_max_time * interval '1 second' > ${now})))`
}

/**
 * A condition on `machine`: it has the capabilities that a task requires, both as reported by the machine and as planned for it. `task` is
 * a row of the table, or one with the same columns.
 */
export function suits(task: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql`${task}.kind = any(machine.kinds) and ${task}.kind = any(machine.planned_kinds)
    and (${task}.arch is null or ${task}.arch = any(machine.arches)
      and (machine.planned_arches is null or ${task}.arch = any(machine.planned_arches)))
    and ${task}.tags <@ machine.tags and (machine.planned_tags is null or ${task}.tags <@ machine.planned_tags)`
}

/**
 * A condition on `task`: it may start without exceeding a limit, given the running tasks in `running`, which must not include the task
 * itself. The subqueries run once, not once per task.
 */
export function withinLimits(limits: RunningLimits): RawBuilder<boolean> {
  const { max_builds_per_owner = null, max_builds_per_project = null } = limits
  const { max_builds_per_sandbox } = limits
  // A limit of null is never reached.
  const conditions = [
    sql`task.ownername not in (
      select running.ownername from running
      left join quota on quota.ownername = running.ownername and quota.kind = 'running_builds'
      group by running.ownername, quota.id
      having sum(n) >= case when quota.id is null then ${max_builds_per_owner}::bigint else quota.max end)`,
    sql`task.project_id not in (
      select running.project_id from running
      left join quota on quota.project_id = running.project_id and quota.kind = 'running_builds'
      group by running.project_id, quota.id
      having sum(n) >= case when quota.id is null then ${max_builds_per_project}::bigint else quota.max end)`,
  ]
  if (max_builds_per_sandbox !== undefined)
    conditions.push(sql`task.sandbox not in (
      select sandbox from running group by 1 having sum(n) >= ${max_builds_per_sandbox})`)
  for (const [arch, max] of Object.entries(limits.max_builds_per_arch ?? {}))
    conditions.push(sql`(task.arch is distinct from ${arch}
      or (select coalesce(sum(n), 0) from running where running.arch = ${arch}) < ${max})`)
  for (const [arch, max] of Object.entries(limits.max_builds_per_owner_and_arch ?? {}))
    conditions.push(sql`(task.arch is distinct from ${arch} or task.ownername not in (
      select ownername from running where running.arch = ${arch} group by 1 having sum(n) >= ${max}))`)
  return sql`${sql.join(conditions, sql` and `)}`
}
