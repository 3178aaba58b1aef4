import { CoprError } from '@copr/process/errors'
import { audit } from '../audit/audit.ts'
import { deleteBuildsIn } from '../builds/cancel.ts'
import type { Db } from '../database/open.ts'
import { listProjectDirs, type Project } from '../projects/project-queries.ts'
import type { Actor } from '../audit/actor.ts'
import { lockPackage } from './edit-package.ts'

const SHOWN = 20

/** Deletes a package with all its builds, and its sources in dist-git; throws if a build has not finished. */
export async function deletePackage(
  db: Db,
  { actor, project, name }: { actor: Actor; project: Project; name: string },
  now: Date,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    // Because of the lock, no new builds of the package can be inserted.
    const { id } = await lockPackage(tx, project, name)
    const builds = await tx
      .selectFrom('build')
      .select(['id', 'finished_at'])
      .where('package_id', '=', id)
      .orderBy('id')
      .execute()
    const unfinished = builds.filter(({ finished_at }) => finished_at === null)
    if (unfinished.length > 0)
      throw new CoprError(
        'invalid',
        `Cannot delete the package ${name}: unfinished builds: ${listOf(unfinished)}`,
      )
    if (project.persistent && builds.length > 0)
      throw new CoprError(
        'invalid',
        `Cannot delete the package ${name}: builds of a persistent project are never deleted`,
      )
    const ids = builds.map((build) => build.id)
    await deleteBuildsIn(tx, ids, now)
    await tx.deleteFrom('package').where('id', '=', id).execute()
    const dirs = await listProjectDirs(tx, project.id)
    await tx
      .insertInto('removal')
      .values(
        dirs.map((dir) => ({
          place: 'distgit' as const,
          path: `${project.ownername}/${dir.name}/${name}`,
          wanted_at: now,
        })),
      )
      .execute()
    const subject = `${project.ownername}/${project.name} ${name}`
    const details = { builds: ids.length }
    const change = { action: 'package.delete', project_id: project.id, subject, details }
    await audit(tx, actor, change, now)
  })
}

function listOf(builds: { id: number }[]): string {
  const ids = builds.slice(0, SHOWN).map(({ id }) => `build ${id}`)
  return `${ids.join(', ')}${builds.length > SHOWN ? ' and others' : ''}`
}
