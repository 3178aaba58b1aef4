import { SYSTEM } from '../audit/actor.ts'
import { sql } from 'kysely'
import { deleteBuilds } from '../builds/cancel.ts'
import type { Db } from '../database/open.ts'

/** Maximum number of builds that one run deletes, because the files of each build are deleted as well. The next run continues. */
const AT_A_TIME = 100

/**
 * Deletes finished builds of each package, except the newest `max_builds` in each directory. Idempotent; may run in several processes.
 * Returns the number of deleted builds.
 */
export async function pruneBuilds(db: Db, now: Date): Promise<number> {
  const { rows } = await sql<{ id: number; project_id: number }>`
    select ended.id, ended.project_id from (
      select build.id, build.project_id, package.max_builds,
        row_number() over (partition by build.package_id, build.project_dir_id order by build.id desc) as place
      from package
      join build on build.package_id = package.id
      join project on project.id = package.project_id
      where package.max_builds > 0 and build.finished_at is not null
        and not project.persistent and project.deleted_at is null
    ) ended
    where ended.place > ended.max_builds
    order by ended.id limit ${AT_A_TIME}`.execute(db)
  const actor = { ...SYSTEM, reason: 'max_builds' }
  for (const builds of Map.groupBy(rows, ({ project_id }) => project_id).values())
    await deleteBuilds(
      db,
      actor,
      builds.map(({ id }) => id),
      now,
    )
  return rows.length
}
