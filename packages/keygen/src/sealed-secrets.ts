import { sql } from 'kysely'
import type { Db, StoredKey } from './key-table.ts'

/** A sealed secret in the database, and a function that replaces it. */
export interface SealedSecret {
  context: string
  sealed_private_key: Buffer
  replace: (sealed_private_key: Buffer) => Promise<void>
}

/** Finds any one stored secret or, if `form` is given, one that is sealed in that format; returns undefined if there is none. */
export async function anySecret(
  db: Db,
  { form }: { form?: number } = {},
): Promise<SealedSecret | undefined> {
  const ofForm =
    form === undefined
      ? sql<boolean>`true`
      : sql<boolean>`get_byte(sealed_private_key, 0) = ${form}`
  const key = await db
    .selectFrom('keygen.key')
    .select(['owner', 'project', 'fingerprint', 'sealed_private_key'])
    .where(ofForm)
    .limit(1)
    .executeTakeFirst()
  if (key)
    return {
      context: keyContext(key),
      sealed_private_key: key.sealed_private_key,
      async replace(sealed_private_key) {
        const { fingerprint } = key
        await db
          .updateTable('keygen.key')
          .set({ sealed_private_key })
          .where('fingerprint', '=', fingerprint)
          .execute()
      },
    }
  const pooled = await db
    .selectFrom('keygen.key_pool')
    .selectAll()
    .where(ofForm)
    .limit(1)
    .executeTakeFirst()
  if (!pooled) return undefined
  return {
    context: poolContext(pooled.id),
    sealed_private_key: pooled.sealed_private_key,
    async replace(sealed_private_key) {
      await db
        .updateTable('keygen.key_pool')
        .set({ sealed_private_key })
        .where('id', '=', pooled.id)
        .execute()
    },
  }
}

export function keyContext({
  owner,
  project,
  fingerprint,
}: Pick<StoredKey, 'owner' | 'project' | 'fingerprint'>): string {
  return `key ${owner}/${project}/${fingerprint}`
}

export function poolContext(id: string): string {
  return `pooled key ${id}`
}
