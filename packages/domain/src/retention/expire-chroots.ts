import { audit } from '../audit/audit.ts'
import { notify } from '../database/notify.ts'
import type { Db, Tx } from '../database/open.ts'
import { SYSTEM } from '../audit/actor.ts'

const AT_A_TIME = 50

interface Expired {
  project_id: number
  chroot_id: number
  ownername: string
  projectname: string
  chroot: string
}

/**
 * Removes the data of project chroots that are disabled or ended and whose `delete_after` has passed; returns the number of these chroots.
 */
export async function expireChroots(db: Db, now: Date): Promise<number> {
  const due = await db
    .selectFrom('project_chroot')
    .innerJoin('chroot', 'chroot.id', 'project_chroot.chroot_id')
    .innerJoin('project', 'project.id', 'project_chroot.project_id')
    .select([
      'project_chroot.project_id',
      'project_chroot.chroot_id',
      'project.ownername',
      'project.name as projectname',
      'chroot.name as chroot',
    ])
    .where('project_chroot.delete_after', '<=', now)
    .where('project.deleted_at', 'is', null)
    .where('project.persistent', '=', false)
    .limit(AT_A_TIME)
    .execute()
  for (const expired of due) await removeChroot(db, expired, now)
  return due.length
}

async function removeChroot(db: Db, expired: Expired, now: Date): Promise<void> {
  const { project_id, chroot_id, ownername, projectname, chroot } = expired
  await db.transaction().execute(async (tx) => {
    const gone = await tx
      .deleteFrom('project_chroot')
      .where('project_id', '=', project_id)
      .where('chroot_id', '=', chroot_id)
      // It may have been enabled again since the query above.
      .where('delete_after', '<=', now)
      .returning('chroot_id')
      .executeTakeFirst()
    if (!gone) return
    await removeRepositories(tx, expired, now)
    const subject = `${ownername}/${projectname} ${chroot}`
    await audit(tx, SYSTEM, { action: 'project_chroot.delete', project_id, subject }, now)
    await notify(tx, 'copr_removal')
  })
}

/** Removes the chroot's repositories and results. The builds are kept in the project's history. */
async function removeRepositories(
  tx: Tx,
  { project_id, chroot_id, ownername, chroot }: Expired,
  now: Date,
): Promise<void> {
  const dirs = await tx
    .selectFrom('project_dir')
    .select(['id', 'name'])
    .where('project_id', '=', project_id)
    .execute()
  const repositories = tx
    .selectFrom('repository')
    .select('id')
    .where('chroot_id', '=', chroot_id)
    .where(
      'project_dir_id',
      'in',
      dirs.map(({ id }) => id),
    )
  await tx.deleteFrom('repository_member').where('repository_id', 'in', repositories).execute()
  await tx
    .updateTable('build_chroot')
    .set({ repository_id: null, generation: null, result_dir: null, result_bytes: 0 })
    .where('chroot_id', '=', chroot_id)
    .where('build_id', 'in', (eb) =>
      eb.selectFrom('build').select('id').where('project_id', '=', project_id),
    )
    .execute()
  await tx.deleteFrom('repository').where('id', 'in', repositories).execute()
  await tx
    .insertInto('removal')
    .values(
      dirs.map(({ name }) => ({
        place: 'results' as const,
        path: `${ownername}/${name}/${chroot}`,
        wanted_at: now,
      })),
    )
    .execute()
}
