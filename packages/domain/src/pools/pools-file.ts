import type { Selectable } from 'kysely'
import type { Db } from '../database/open.ts'
import type { PoolsFileTable } from '../database/schema.ts'

/** Notes what became of the file; the error is what administrators see. */
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

/** Undefined: no manager has read a file yet. */
export async function poolsFile(db: Db): Promise<Selectable<PoolsFileTable> | undefined> {
  return await db.selectFrom('pools_file').selectAll().executeTakeFirst()
}
