import { sql, type Selectable } from 'kysely'
import { lockBuild, refreshBuild } from '../states/build-state.ts'
import { moveChroots } from '../states/chroot-state.ts'
import { moveSource } from '../states/source-state.ts'
import { leasing } from '../states/task-state.ts'
import type { Db, Tx } from '../database/open.ts'
import type { TaskTable } from '../database/schema.ts'

export type TaskRow = Selectable<TaskTable>

/** Leases the next publish task; returns undefined if there is none. */
export async function claimPublish(
  db: Db,
  { lease, now, lease_seconds }: { lease: string; now: Date; lease_seconds: number },
): Promise<TaskRow | undefined> {
  const { rows } = await sql<TaskRow>`
    with next as (
      select id from task where state = 'queued' and kind = 'publish' and (not_before is null or not_before <= ${now})
      order by queued_at, id limit 1 for update skip locked
    )
    ${leasing({ lease, now, lease_seconds, machine_id: null })}`.execute(db)
  return rows[0]
}

/**
 * Renews the lease. Returns undefined if it is lost, and `cancel: true` if the build was canceled. The first renewal moves the state of the
 * build chroot, or of the source, from `starting` to `running`.
 */
export async function renewLease(
  db: Db,
  {
    lease,
    now,
    lease_seconds,
    phase,
  }: { lease: string; now: Date; lease_seconds: number; phase?: string | undefined },
): Promise<{ cancel: boolean } | undefined> {
  const until = new Date(now.getTime() + lease_seconds * 1000)
  const task = await db
    .updateTable('task')
    .set({ lease_until: until, ...(phase === undefined ? {} : { phase }) })
    .where('lease', '=', lease)
    .where('state', '=', 'leased')
    .returning(['cancel_requested', 'build_id', 'build_chroot_id', 'kind'])
    .executeTakeFirst()
  if (!task) return undefined
  const starting = await db
    .selectFrom('build')
    .leftJoin('build_chroot', (join) =>
      join
        .onRef('build_chroot.build_id', '=', 'build.id')
        .on('build_chroot.id', '=', task.build_chroot_id),
    )
    .select(['build.source_state', 'build_chroot.state'])
    .where('build.id', '=', task.build_id)
    .executeTakeFirst()
  const isStarting =
    task.kind === 'source' ? starting?.source_state === 'starting' : starting?.state === 'starting'
  if (isStarting) await markRunning(db, lease, now)
  return { cancel: task.cancel_requested }
}

async function markRunning(db: Db, lease: string, now: Date): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const task = await lockLeased(tx, lease)
    if (!task) return
    if (task.kind === 'source') await moveSource(tx, task.build_id, { to: 'running' })
    else if (task.build_chroot_id !== null)
      await moveChroots(tx, [task.build_chroot_id], { to: 'running' })
    await refreshBuild(tx, task.build_id, now)
  })
}

/** Locks the build, and then the task, to which a lease belongs. Returns the task, or undefined if the lease is lost. */
export async function lockLeased(tx: Tx, lease: string): Promise<TaskRow | undefined> {
  const seen = await tx
    .selectFrom('task')
    .select('build_id')
    .where('lease', '=', lease)
    .executeTakeFirst()
  if (!seen || !(await lockBuild(tx, seen.build_id))) return undefined
  return await tx
    .selectFrom('task')
    .selectAll()
    .where('lease', '=', lease)
    .where('state', '=', 'leased')
    .forUpdate()
    .executeTakeFirst()
}
