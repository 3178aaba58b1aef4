import { sql } from 'kysely'
import type { Db } from '../database/open.ts'

/** The state of a pool, as administrators see it. */
export interface PoolOverview {
  readonly name: string
  /** Null for unmanaged machines, which were started by hand or with the system. */
  readonly provider: string | null
  readonly description: string
  /** Maximum number of machines; null if no limit is known. */
  readonly max: number | null
  readonly starting: number
  readonly idle: number
  readonly busy: number
  /** Machines that are draining or being deleted. */
  readonly ending: number
  /** Idle machines that are cordoned, or held for inspection. */
  readonly set_aside: number
  /** Why no machine is started until `held_until`; null if the pool is not held. */
  readonly hold_reason: string | null
  readonly held_until: Date | null
  readonly is_cordoned: boolean
  readonly is_retired: boolean
  readonly list_error: string | null
  /** Estimated cost of this month. */
  readonly cost: number
  /** Average time from the launch request to the enrollment; null if no machine has enrolled yet. */
  readonly start_seconds: number | null
  /** Share of starts that succeeded, 0 to 1, weighted toward recent ones; null if nothing was started yet. */
  readonly success_rate: number | null
}

/** Lists the pools in the order of the pools file, then the unmanaged builders. */
export async function poolOverview(db: Db, now: Date): Promise<PoolOverview[]> {
  const month = `${now.toISOString().slice(0, 7)}-01`
  const { rows } = await sql<PoolOverview>`
    with counted as (
      select machine.pool,
        count(*) filter (where state in ('planned', 'launching', 'booting'))::int as starting,
        count(*) filter (where state = 'ready' and not is_busy and not cordoned and held_until is null)::int as idle,
        count(*) filter (where state = 'ready' and is_busy)::int as busy,
        count(*) filter (where state in ('draining', 'deleting'))::int as ending,
        count(*) filter (where state = 'ready' and not is_busy and (cordoned or held_until is not null))::int as set_aside
      from (
        select machine.*, exists (
          select from task where task.machine_id = machine.id and task.state = 'leased') as is_busy
        from machine where state <> 'gone' and (provider is not null or enrolled_at is null or 'rpm' = any(kinds))
          and not (provider is null and enrolled_at is null)
      ) as machine group by 1
    ), offered as (
      select pool, avg(start_seconds) as start_seconds,
        avg(success_rate) filter (where attempts > 0) as success_rate
      from offering group by 1
    )
    select coalesce(pool.name, counted.pool) as name, pool.provider,
      coalesce(pool.config ->> 'description', '') as description, (pool.config ->> 'max')::int as max,
      coalesce(starting, 0) as starting, coalesce(idle, 0) as idle, coalesce(busy, 0) as busy,
      coalesce(ending, 0) as ending, coalesce(set_aside, 0) as set_aside,
      case when pool.held_until is null or pool.held_until > ${now} then pool.hold_reason end as hold_reason,
      pool.held_until,
      coalesce(pool.cordoned or (pool.config ->> 'cordoned')::boolean, false) as is_cordoned,
      pool.retired_at is not null as is_retired, pool.list_error,
      coalesce(pool_cost.amount, 0) as cost, offered.start_seconds, offered.success_rate
    from pool full join counted on counted.pool = pool.name
    left join offered on offered.pool = pool.name
    left join pool_cost on pool_cost.pool = pool.name and pool_cost.month = ${month}::date
    order by pool.position nulls last, name`.execute(db)
  return rows
}

/** A machine as administrators see it. */
export interface MachineOverview {
  readonly id: number
  readonly pool: string
  readonly name: string
  readonly state: string
  readonly offering: string | null
  readonly task_id: string | null
  readonly sandbox: string | null
  readonly uses: number
  readonly created_at: Date
  readonly last_seen_at: Date | null
  /** Why the machine failed, was held, or ended; null if none of these applies. */
  readonly note: string | null
}

/** Lists the machines of one pool, or of all pools, that are not `gone`. */
export async function machineOverview(db: Db, pool?: string): Promise<MachineOverview[]> {
  const { rows } = await sql<MachineOverview>`
    select machine.id, machine.pool, machine.name,
      case when machine.state = 'ready' and task.task_id is not null then 'busy'
        when machine.state = 'ready' and machine.held_until is not null then 'held'
        when machine.state = 'ready' and machine.cordoned then 'cordoned' else machine.state end as state,
      machine.offering, task.task_id, machine.sandbox, machine.uses, machine.created_at, machine.last_seen_at,
      coalesce(machine.failure_text, machine.held_reason, machine.ended_cause) as note
    from machine
    left join task on task.machine_id = machine.id and task.state = 'leased' and task.kind <> 'import'
    where machine.state <> 'gone' and (${pool ?? null}::text is null or machine.pool = ${pool ?? null})
      and not ('import' = any(machine.kinds))
    order by machine.pool, machine.id`.execute(db)
  return rows
}
