import { audit } from '../audit/audit.ts'
import type { Db } from '../database/open.ts'
import { releaseDevel } from './devel-repositories.ts'
import { republish } from '../repositories/publishing.ts'
import type { Actor } from '../audit/actor.ts'
import type { Project } from './project-queries.ts'

/** Requests new metadata for all repositories of a project; returns the number of repositories. */
export async function regenerateRepositories(
  db: Db,
  actor: Actor,
  { id, ownername, name }: Pick<Project, 'id' | 'ownername' | 'name'>,
  now: Date,
): Promise<number> {
  return await db.transaction().execute(async (tx) => {
    await tx.selectFrom('project').select('id').where('id', '=', id).forUpdate().execute()
    await releaseDevel(tx, id)
    const repositories = await tx
      .selectFrom('repository')
      .innerJoin('project_dir', 'project_dir.id', 'repository.project_dir_id')
      .select('repository.id')
      .where('project_id', '=', id)
      .execute()
    await republish(
      tx,
      repositories.map((repository) => repository.id),
    )
    const change = { action: 'project.regenerate', project_id: id, subject: `${ownername}/${name}` }
    await audit(tx, actor, change, now)
    return repositories.length
  })
}
