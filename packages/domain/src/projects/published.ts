import type { Db } from '../database/open.ts'

/** Reports whether every repository of the project has been published, even if empty. */
export async function hasPublishedRepositories(db: Db, project_id: number): Promise<boolean> {
  const missing = await db
    .selectFrom('repository')
    .innerJoin('project_dir', 'project_dir.id', 'repository.project_dir_id')
    .select('repository.id')
    .where('project_dir.project_id', '=', project_id)
    .where('repository.published_generation', '=', 0)
    .executeTakeFirst()
  return missing === undefined
}
