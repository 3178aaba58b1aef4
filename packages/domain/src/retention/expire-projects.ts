import { CoprError } from '@copr/process/errors'
import type { Db } from '../database/open.ts'
import { deleteProject } from '../projects/delete-project.ts'
import { SYSTEM } from '../audit/actor.ts'

/** Maximum projects deleted per run; the next run continues. */
const AT_A_TIME = 50

/** Deletes expired temporary projects, except those with unfinished builds; returns their number. */
export async function expireProjects(db: Db, now: Date): Promise<number> {
  const due = await db
    .selectFrom('project')
    .select('id')
    .where('delete_after', '<=', now)
    .where('deleted_at', 'is', null)
    .where('persistent', '=', false)
    .orderBy('delete_after')
    .limit(AT_A_TIME)
    .execute()
  let count = 0
  for (const { id } of due)
    try {
      await deleteProject(db, { ...SYSTEM, reason: 'delete_after_days' }, id, now)
      count += 1
    } catch (error) {
      // The project has unfinished builds, or was deleted concurrently.
      if (!(error instanceof CoprError)) throw error
    }
  return count
}
