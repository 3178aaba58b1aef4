import type { Db } from '../database/open.ts'

/** Returns the comps file for a repository's index; undefined if the project chroot has none. */
export async function compsOfRepository(
  db: Db,
  repository_id: number,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('repository')
    .innerJoin('project_dir', 'project_dir.id', 'repository.project_dir_id')
    .innerJoin('project_chroot', (join) =>
      join
        .onRef('project_chroot.project_id', '=', 'project_dir.project_id')
        .onRef('project_chroot.chroot_id', '=', 'repository.chroot_id'),
    )
    .select('project_chroot.comps')
    .where('repository.id', '=', repository_id)
    .executeTakeFirst()
  return row?.comps ?? undefined
}
