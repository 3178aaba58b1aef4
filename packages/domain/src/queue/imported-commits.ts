import type { Db } from '../database/open.ts'

/** Stores the commits that dist-git created for a build, keyed by branch. A retried import replaces the previous commits. */
export async function noteImport(
  db: Db,
  build_id: number,
  commits: Record<string, string>,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await tx.deleteFrom('imported_commit').where('build_id', '=', build_id).execute()
    const rows = Object.entries(commits).map(([branch, git_commit]) => ({
      build_id,
      branch,
      git_commit,
    }))
    if (rows.length > 0) await tx.insertInto('imported_commit').values(rows).execute()
  })
}

/** Returns the commits that dist-git created for a build, keyed by branch. */
export async function importedCommits(db: Db, build_id: number): Promise<Record<string, string>> {
  const rows = await db
    .selectFrom('imported_commit')
    .select(['branch', 'git_commit'])
    .where('build_id', '=', build_id)
    .execute()
  return Object.fromEntries(rows.map(({ branch, git_commit }) => [branch, git_commit]))
}
