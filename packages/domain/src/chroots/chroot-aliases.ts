import { CoprError } from '@copr/process/errors'
import { type Selectable, sql } from 'kysely'
import { audit } from '../audit/audit.ts'
import type { Db } from '../database/open.ts'
import type { ChrootAliasTable } from '../database/schema.ts'
import type { Actor } from '../audit/actor.ts'

export type ChrootAlias = Selectable<ChrootAliasTable>

export async function listAliases(db: Db): Promise<ChrootAlias[]> {
  return await db.selectFrom('chroot_alias').selectAll().orderBy('name_release').execute()
}

/** Makes the name `name_release` an alias for the chroots of `target`; without a target, removes the alias. */
export async function setAlias(
  db: Db,
  actor: Actor,
  { name_release, target }: { name_release: string; target: string | undefined },
  now: Date,
): Promise<void> {
  for (const each of [name_release, ...(target === undefined ? [] : [target])])
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*-[A-Za-z0-9_.]+$/.test(each))
      throw new CoprError('invalid', `Cannot set the alias: ${each} is not NAME-RELEASE`)
  if (name_release === target)
    throw new CoprError('invalid', `Cannot set the alias: ${target} cannot be an alias of itself`)
  await db.transaction().execute(async (tx) => {
    if (target === undefined) {
      const gone = await tx
        .deleteFrom('chroot_alias')
        .where('name_release', '=', name_release)
        .returning('target')
        .executeTakeFirst()
      if (!gone) throw new CoprError('not_found', `There is no alias ${name_release}`)
    } else {
      const known = await tx
        .selectFrom('chroot')
        .select('id')
        .where(sql<string>`os_release || '-' || os_version`, '=', target)
        .executeTakeFirst()
      if (!known)
        throw new CoprError('not_found', `Cannot set the alias: no chroot belongs to ${target}`)
      await tx
        .insertInto('chroot_alias')
        .values({ name_release, target })
        .onConflict((oc) => oc.column('name_release').doUpdateSet({ target }))
        .execute()
    }
    const details = { target: target ?? null }
    await audit(
      tx,
      actor,
      { action: 'chroot.alias', subject: `alias ${name_release}`, details },
      now,
    )
  })
}
