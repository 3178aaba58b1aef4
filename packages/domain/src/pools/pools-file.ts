import type { Selectable } from 'kysely'
import type { Db } from '../database/open.ts'
import type { PoolsFileTable } from '../database/schema.ts'

/** Records whether the pools file was accepted; if not, the error is shown to administrators. */
export async function notePoolsFile(
  db: Db,
  { digest, error, now }: { digest: string; error: string | null; now: Date },
): Promise<void> {
  const accepted = error === null ? { accepted_at: now } : {}
  await db
    .insertInto('pools_file')
    .values({ digest, error, read_at: now, ...accepted })
    .onConflict((on) =>
      on.column('only_one').doUpdateSet({ digest, error, read_at: now, ...accepted }),
    )
    .execute()
}

/** Returns the state of the pools file; undefined if no manager has read one yet. */
export async function poolsFile(db: Db): Promise<Selectable<PoolsFileTable> | undefined> {
  return await db.selectFrom('pools_file').selectAll().executeTakeFirst()
}
