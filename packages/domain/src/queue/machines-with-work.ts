import { sql } from 'kysely'
import type { Db } from '../database/open.ts'
import { mayClaim, RUNNING, type RunningLimits, suits, withinLimits } from './claim-conditions.ts'

/**
 * Returns the IDs of those machines that may get a task if they claim now; the others need not try. A returned machine may still get none,
 * because batches, memory and concurrent claims are not considered here.
 */
export async function machinesWithWork(
  db: Db,
  ids: number[],
  { now, limits = {} }: { now: Date; limits?: RunningLimits },
): Promise<number[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<{ id: number }>`
    with running as materialized (${RUNNING}), waiting as materialized (
      select distinct kind, arch, tags, sandbox, ownername, project_id from task
      where state = 'queued' and (not_before is null or not_before <= ${now})
    ), open as materialized (
      select distinct kind, arch, tags, sandbox from waiting as task
      where kind not in ('source', 'rpm') or (${withinLimits(limits)})
    )
    select machine.id from machine left join pool on pool.name = machine.pool and machine.provider is not null
    where machine.id = any(${ids}) and ${mayClaim(now)} and exists (
      select from open where ${suits(sql`open`)}
        and (not coalesce(pool.one_sandbox, false) or machine.sandbox is null or machine.sandbox = open.sandbox))`.execute(
    db,
  )
  return rows.map(({ id }) => id)
}
