import type { PublicKeyAnswer } from '@copr/contract/keygen-protocol'
import type { Db } from '../database/open.ts'
import type { Project } from './project-queries.ts'

/** Projects that keygen has not yet made a key for. */
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

export async function storePublicKey(
  db: Db,
  project_id: number,
  key: Pick<PublicKeyAnswer, 'public_key' | 'fingerprint'>,
): Promise<void> {
  await db
    .updateTable('project')
    .set({ public_key: key.public_key, key_fingerprint: key.fingerprint })
    .where('id', '=', project_id)
    .execute()
}
