import { sql } from 'kysely'
import { audit } from '../audit/audit.ts'
import { deleteBuildsIn } from '../builds/cancel.ts'
import { notify } from '../database/notify.ts'
import type { Db } from '../database/open.ts'
import { SYSTEM } from '../audit/actor.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** How many days the directory of a pull request is kept after its last build or, if it has no builds, after its creation. */
const KEPT_DAYS = 40
const AT_A_TIME = 50

interface Dir {
  name: string
  created_at: Date
  last_build_at: Date | null
}

/** Returns when a directory expires; null if it expires only with its project. */
export function dirDeadline({ name, created_at, last_build_at }: Dir): Date | null {
  if (name.split(':')[1] !== 'pr') return null
  return new Date((last_build_at ?? created_at).getTime() + KEPT_DAYS * DAY_MS)
}

/**
 * Deletes the directories of pull requests `KEPT_DAYS` after their last build, together with their builds; returns the number of
 * directories.
 */
export async function expireDirs(db: Db, now: Date): Promise<number> {
  const before = new Date(now.getTime() - KEPT_DAYS * DAY_MS)
  const due = await db
    .selectFrom('project_dir')
    .innerJoin('project', 'project.id', 'project_dir.project_id')
    .select(['project_dir.id', 'project_dir.name', 'project.id as project_id', 'project.ownername'])
    .where('project_dir.name', 'like', '%:pr:%')
    .where(sql<Date>`coalesce(last_build_at, project_dir.created_at)`, '<', before)
    .where('project.deleted_at', 'is', null)
    .where('project.persistent', '=', false)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('build')
            .select('build.id')
            .whereRef('build.project_dir_id', '=', 'project_dir.id')
            .where('build.finished_at', 'is', null),
        ),
      ),
    )
    .limit(AT_A_TIME)
    .execute()
  for (const dir of due) await removeDir(db, dir, now)
  return due.length
}

async function removeDir(
  db: Db,
  dir: { id: number; name: string; project_id: number; ownername: string },
  now: Date,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    // The lock serializes this with the submission of builds into the directory.
    await tx
      .selectFrom('project')
      .select('id')
      .where('id', '=', dir.project_id)
      .forUpdate()
      .execute()
    const builds = await tx
      .selectFrom('build')
      .select('id')
      .where('project_dir_id', '=', dir.id)
      .execute()
    await deleteBuildsIn(
      tx,
      builds.map(({ id }) => id),
      now,
    )
    await tx.deleteFrom('repository').where('project_dir_id', '=', dir.id).execute()
    await tx.deleteFrom('project_dir').where('id', '=', dir.id).execute()
    const path = `${dir.ownername}/${dir.name}`
    await tx
      .insertInto('removal')
      .values((['results', 'distgit'] as const).map((place) => ({ place, path, wanted_at: now })))
      .execute()
    const change = { action: 'project_dir.delete', project_id: dir.project_id, subject: path }
    await audit(tx, { ...SYSTEM, reason: 'no recent builds' }, change, now)
    await notify(tx, 'copr_removal')
  })
}
