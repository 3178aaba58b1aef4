import { sql } from 'kysely'
import type { Db } from '../database/open.ts'
import { BACKGROUND } from './insert-task.ts'

// These queries return the position of a waiting task in the queue, and the machines that could run it.

/** The number of machines that could run a task, by their activity. */
export interface FittingMachines {
  readonly idle: number
  readonly busy: number
  /** Planned, launching or booting. */
  readonly starting: number
}

export async function fittingMachines(
  db: Db,
  { arch, tags, kind }: { arch: string | null; tags: string[]; kind: string },
): Promise<FittingMachines> {
  const { rows } = await sql<FittingMachines>`
    select count(*) filter (where state = 'ready' and not cordoned and held_until is null and not is_busy)::int as idle,
      count(*) filter (where state = 'ready' and is_busy)::int as busy,
      count(*) filter (where state in ('planned', 'launching', 'booting'))::int as starting
    from (
      select machine.*, exists (
        select from task where task.machine_id = machine.id and task.state = 'leased') as is_busy
      from machine where machine.state <> 'gone'
    ) as machine
    where (enrolled_at is null or ${kind} = any(kinds))
      and (enrolled_at is not null or planned_arches is not null)
      and (${arch}::text is null or ${arch} = any(case when enrolled_at is null then planned_arches else arches end))
      and ${tags}::text[] <@ (case when enrolled_at is null then planned_tags else tags end)`.execute(
    db,
  )
  return rows[0] ?? { idle: 0, busy: 0, starting: 0 }
}

/** Returns the task's current position in the order in which machines of its architecture take tasks. */
export async function positionOf(
  db: Db,
  { id, arch }: { id: number; arch: string | null },
): Promise<number> {
  const { rows } = await sql<{ position: number }>`
    with running as materialized (
      select ownername, count(*)::int as n from task
      where state = 'leased' and kind in ('source', 'rpm') group by 1
    ), waiting as (
      select task.id, task.priority >= ${BACKGROUND} as is_background, coalesce(running.n, 0) as n,
        task.priority, task.queued_at
      from task left join running on running.ownername = task.ownername
      where task.state = 'queued' and task.kind in ('source', 'rpm')
        and (${arch}::text is null or task.arch is null or task.arch = ${arch})
    )
    select (count(*) + 1)::int as position from waiting, (select * from waiting where id = ${id}) as own
    where (waiting.is_background, waiting.n, waiting.priority, waiting.queued_at, waiting.id)
      < (own.is_background, own.n, own.priority, own.queued_at, own.id)`.execute(db)
  return rows[0]?.position ?? 1
}
