import type { ChrootConfig } from '@copr/contract/chroot-config'
import { defaultBranch, splitChrootName } from '@copr/contract/names'
import { CoprError } from '@copr/process/errors'
import { type Selectable, sql } from 'kysely'
import type { Db } from '../database/open.ts'
import type { ChrootTable } from '../database/schema.ts'

export type Chroot = Selectable<ChrootTable>

/**
 * Adds a chroot. If one with this name exists, replaces its configuration, but keeps its state (active, paused or ended) and a comment that
 * an administrator wrote.
 */
export async function importChroot(db: Db, config: ChrootConfig, now: Date): Promise<Chroot> {
  const parts = splitChrootName(config.name)
  if (!parts)
    throw new CoprError(
      'invalid',
      `Cannot import chroot ${config.name}: the name is not OS-VERSION-ARCH`,
    )
  return await db
    .insertInto('chroot')
    .values({
      name: config.name,
      ...parts,
      distgit_branch: defaultBranch(parts),
      config: JSON.stringify(config),
      comment: config.comment,
      created_at: now,
    })
    .onConflict((oc) =>
      oc.column('name').doUpdateSet({
        config: JSON.stringify(config),
        comment: sql`case when chroot.comment = chroot.config ->> 'comment' then excluded.comment else chroot.comment end`,
      }),
    )
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Lists the chroots that projects may use, oldest first. */
export async function listActiveChroots(db: Db): Promise<Chroot[]> {
  return await db
    .selectFrom('chroot')
    .selectAll()
    .where('is_active', '=', true)
    .orderBy('id')
    .execute()
}

/** Returns the error for names that are not active chroots, with the wording of Copr's forms and API; undefined if there are none. */
export async function unknownChroots(db: Db, names: string[]): Promise<string | undefined> {
  const active = new Set((await listActiveChroots(db)).map(({ name }) => name))
  const unknown = names.filter((name) => !active.has(name))
  if (unknown.length === 0) return undefined
  return `chroots: '${unknown[0]}' is not a valid choice for this field. Unexpected chroot: ${unknown.join(', ')}; available: ${[...active].join(', ')}`
}

/** Returns the active chroots with these names; throws an error that lists the unknown and inactive names. */
export async function requireActiveChroots(db: Db, names: string[]): Promise<Chroot[]> {
  const active = new Map((await listActiveChroots(db)).map((chroot) => [chroot.name, chroot]))
  const unknown = await unknownChroots(db, names)
  if (unknown !== undefined) throw new CoprError('invalid', unknown)
  return [...new Set(names)].flatMap((name) => active.get(name) ?? [])
}
