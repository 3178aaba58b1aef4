import { CoprError } from '@copr/process/errors'
import { audit } from '../audit/audit.ts'
import { notify } from '../database/notify.ts'
import type { Db, Tx } from '../database/open.ts'
import type { Actor } from '../audit/actor.ts'
import { dropStorage } from '../quotas/storage-use.ts'
import { listProjectDirs } from './project-queries.ts'

/** Deletes a project. Its name is free at once; its files are deleted in the background. */
export async function deleteProject(
  db: Db,
  actor: Actor,
  project_id: number,
  now: Date,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const project = await tx
      .selectFrom('project')
      .select(['ownername', 'name'])
      .where('id', '=', project_id)
      .where('deleted_at', 'is', null)
      .forUpdate()
      .executeTakeFirst()
    if (!project)
      throw new CoprError('not_found', `Cannot delete project ${project_id}: it does not exist`)
    const running = await tx
      .selectFrom('build')
      .select('id')
      .where('project_id', '=', project_id)
      .where('finished_at', 'is', null)
      .orderBy('id')
      .execute()
    if (running.length > 0) {
      const ids = running.map(({ id }) => id).join(', ')
      throw new CoprError('invalid', `Cannot delete the project: Build(s) ${ids} are still running`)
    }
    await tx.updateTable('project').set({ deleted_at: now }).where('id', '=', project_id).execute()
    // The project's files no longer count toward its owner's storage; the rows of its builds are kept as history.
    await dropStorage(tx, { id: project_id, ...project })
    await tx.deleteFrom('project_webhook').where('project_id', '=', project_id).execute()
    await tx.deleteFrom('quota').where('project_id', '=', project_id).execute()
    await dropIntegrations(tx, project_id)
    const paths = (await listProjectDirs(tx, project_id)).map(
      (dir) => `${project.ownername}/${dir.name}`,
    )
    await tx
      .insertInto('removal')
      .values(
        paths.flatMap((path) => [
          { place: 'results' as const, path, wanted_at: now },
          { place: 'distgit' as const, path, wanted_at: now },
        ]),
      )
      .execute()
    const subject = `${project.ownername}/${project.name}`
    await audit(tx, actor, { action: 'project.delete', project_id, subject }, now)
    await notify(tx, 'copr_removal')
  })
}

/** Deletes the secrets of a project and the webhook payloads that it has received. */
async function dropIntegrations(tx: Tx, project_id: number): Promise<void> {
  for (const table of [
    'commit_status',
    'project_secret',
    'webhook_delivery',
    'webhook_seen',
  ] as const)
    await tx.deleteFrom(table).where('project_id', '=', project_id).execute()
}
