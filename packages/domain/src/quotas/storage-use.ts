import { sql } from 'kysely'
import type { Db, Tx } from '../database/open.ts'

/** The bytes that projects use. */
export interface StorageUse {
  /** Results, logs and SRPMs. */
  results: number
  /** Sources in dist-git. */
  sources: number
}

/**
 * Returns the storage that all projects of an owner use. Reads only an index of the totals and the changes that have not been folded into
 * them, and no builds.
 */
export async function storageOfOwner(db: Db, ownername: string): Promise<StorageUse> {
  const { rows } = await sql<StorageUse>`
    select coalesce(sum(result_bytes), 0)::bigint as results, coalesce(sum(source_bytes), 0)::bigint as sources
    from (
      select result_bytes, source_bytes from storage_use where ownername = ${ownername}
      union all
      select result_bytes, source_bytes from storage_change where ownername = ${ownername}
    ) as parts`.execute(db)
  return rows[0] ?? { results: 0, sources: 0 }
}

export async function storageOfProject(
  db: Db,
  { id, ownername }: { id: number; ownername: string },
): Promise<StorageUse> {
  const { rows } = await sql<StorageUse>`
    select coalesce(sum(result_bytes), 0)::bigint as results, coalesce(sum(source_bytes), 0)::bigint as sources
    from (
      select result_bytes, source_bytes from storage_use where project_id = ${id}
      union all
      select result_bytes, source_bytes from storage_change where ownername = ${ownername} and project_id = ${id}
    ) as parts`.execute(db)
  return rows[0] ?? { results: 0, sources: 0 }
}

/** Stops counting the storage of a project. The caller must have locked the project and marked it as deleted. */
export async function dropStorage(
  tx: Tx,
  { id, ownername }: { id: number; ownername: string },
): Promise<void> {
  await tx.deleteFrom('storage_use').where('project_id', '=', id).execute()
  // Skips the changes that a concurrent foldStorage() has locked. That call waits for the lock on the project, finds it deleted, and drops
  // the changes.
  await sql`
    delete from storage_change where id in (
      select id from storage_change where ownername = ${ownername} and project_id = ${id} for update skip locked)`.execute(
    tx,
  )
}

/** Maximum number of changes that one transaction folds. */
const AT_A_TIME = 10_000

/**
 * Folds storage changes into the total of each project, so that queries have few rows to add up. Returns whether there may be more changes.
 * Queries count each change exactly once, whether or not it has been folded. May run in several processes.
 */
export async function foldStorage(db: Db): Promise<boolean> {
  const { rows } = await sql<{ count: number }>`
    with moved as (
      delete from storage_change where id in (
        select id from storage_change order by id limit ${AT_A_TIME} for update skip locked)
      returning project_id, ownername, result_bytes, source_bytes
    ), living as materialized (
      -- Waits for a concurrent deletion, which drops the total, and blocks later ones. The lock order rules out deadlocks.
      select id from project where id in (select project_id from moved) and deleted_at is null order by id for share
    ), folded as (
      insert into storage_use as total (project_id, ownername, result_bytes, source_bytes)
      select project_id, ownername, sum(result_bytes), sum(source_bytes)
      from moved where project_id in (select id from living) group by 1, 2 order by 1
      on conflict (project_id) do update set result_bytes = total.result_bytes + excluded.result_bytes,
        source_bytes = total.source_bytes + excluded.source_bytes
    )
    select count(*)::int as count from moved`.execute(db)
  return rows[0]?.count === AT_A_TIME
}
