import type { PublicKeyAnswer } from '@copr/contract/keygen-protocol'
import type { Db } from '../database/open.ts'
import { republish } from '../repositories/publishing.ts'
import type { Project } from './project-queries.ts'

/** Lists projects for which keygen has not created a key yet. */
export async function projectsWithoutKey(db: Db, limit: number): Promise<Project[]> {
  return await db
    .selectFrom('project')
    .selectAll()
    .where('public_key', 'is', null)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .limit(limit)
    .execute()
}

/**
 * Stores a project's public key, as reported by keygen. After a rotation, the previous key is kept for users to import, because existing
 * packages are signed with it. If the key was rotated or extended, requests new metadata for all repositories.
 */
export async function storePublicKey(
  db: Db,
  project_id: number,
  key: Pick<PublicKeyAnswer, 'public_key' | 'fingerprint'>,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const before = await tx
      .selectFrom('project')
      .select(['public_key', 'key_fingerprint', 'inherited_keys'])
      .where('id', '=', project_id)
      .forUpdate()
      .executeTakeFirst()
    if (!before || before.public_key === key.public_key) return
    const isRotated = before.public_key !== null && before.key_fingerprint !== key.fingerprint
    const former = isRotated && before.public_key !== null ? [before.public_key] : []
    await tx
      .updateTable('project')
      .set({
        public_key: key.public_key,
        key_fingerprint: key.fingerprint,
        inherited_keys: [...new Set([...former, ...before.inherited_keys])],
      })
      .where('id', '=', project_id)
      .execute()
    if (before.public_key === null) return
    const repositories = await tx
      .selectFrom('repository')
      .innerJoin('project_dir', 'project_dir.id', 'repository.project_dir_id')
      .select('repository.id')
      .where('project_dir.project_id', '=', project_id)
      .execute()
    await republish(
      tx,
      repositories.map(({ id }) => id),
    )
  })
}

/** Returns the time up to which key changes have been stored; undefined if none have ever been fetched. */
export async function keyChangesSeen(db: Db): Promise<Date | undefined> {
  const row = await db.selectFrom('key_changes_seen').select('until').executeTakeFirst()
  return row?.until
}

export async function noteKeyChangesSeen(db: Db, until: Date): Promise<void> {
  await db
    .insertInto('key_changes_seen')
    .values({ until })
    .onConflict((conflict) => conflict.column('only_row').doUpdateSet({ until }))
    .execute()
}
