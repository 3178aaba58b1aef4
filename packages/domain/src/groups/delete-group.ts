import { CoprError } from '@copr/process/errors'
import { audit } from '../audit/audit.ts'
import type { Db } from '../database/open.ts'
import type { Actor } from '../audit/actor.ts'
import type { Group } from './group-queries.ts'

/** Deletes a group; throws if it has projects, which would have no owner. */
export async function deleteGroup(db: Db, actor: Actor, group: Group, now: Date): Promise<void> {
  const { id, name } = group
  await db.transaction().execute(async (tx) => {
    const project = await tx
      .selectFrom('project')
      .select('name')
      .where('ownername', '=', `@${name}`)
      .where('deleted_at', 'is', null)
      .limit(1)
      .executeTakeFirst()
    if (project)
      throw new CoprError(
        'conflict',
        `Cannot delete group @${name}: it owns projects, for example ${project.name}`,
      )
    // A later group with the same name must not inherit these quotas.
    await tx.deleteFrom('quota').where('ownername', '=', `@${name}`).execute()
    await tx.deleteFrom('user_group').where('id', '=', id).execute()
    await audit(tx, actor, { action: 'group.delete', subject: `@${name}` }, now)
  })
}
