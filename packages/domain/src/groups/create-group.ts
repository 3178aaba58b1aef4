import { OwnerName } from '@copr/contract/names'
import { CoprError } from '@copr/process/errors'
import { sql } from 'kysely'
import { audit } from '../audit/audit.ts'
import { isUniqueViolation } from '../database/errors.ts'
import type { Db, Tx } from '../database/open.ts'
import type { Actor, UserActor } from '../audit/actor.ts'
import { type Group, GROUP_COLUMNS, providerGroupsOf } from './group-queries.ts'

export interface NewGroup {
  /** The group's name without the @. */
  name: string
  description?: string
  /** The group at the identity provider whose members belong to this group. If undefined, administrators manage the members. */
  provider_group?: string
  now: Date
}

/** Creates a group. If it has a provider group, its members are the users who were in that group at their last login. */
export async function createGroup(db: Db, actor: Actor, group: NewGroup): Promise<Group> {
  const { name, description = '', provider_group = null, now } = group
  if (name.startsWith('@') || !OwnerName.safeParse(`@${name}`).success)
    throw new CoprError(
      'invalid',
      `Cannot create group ${JSON.stringify(name)}: the name may have up to 127 letters, digits, "_", "." and "-"`,
    )
  try {
    return await db.transaction().execute(async (tx) => {
      const made = await tx
        .insertInto('user_group')
        .values({ name, description, provider_group, created_at: now })
        .returning(GROUP_COLUMNS)
        .executeTakeFirstOrThrow()
      if (provider_group !== null) await enrolMembers(tx, made.id, provider_group)
      const details = { provider_group }
      await audit(tx, actor, { action: 'group.make', subject: `@${name}`, details }, now)
      return made
    })
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    const other = await groupOfProviderGroup(db, provider_group)
    throw new CoprError(
      'conflict',
      other === undefined
        ? `Cannot create group @${name}: it exists already`
        : `Cannot create group @${name}: ${provider_group} is @${other} already`,
    )
  }
}

/** Creates a group from a provider group that the user is a member of. Each provider group can be activated once. */
export async function activateGroup(
  db: Db,
  actor: UserActor,
  { provider_group, name, now }: { provider_group: string; name: string; now: Date },
): Promise<Group> {
  await requireProviderGroup(db, actor.id, provider_group)
  return await createGroup(db, actor, { name, provider_group, now })
}

/** Throws if the user is not a member of the provider group, or if that group has already been activated. */
export async function requireProviderGroup(
  db: Db,
  user_id: number,
  provider_group: string,
): Promise<void> {
  const found = (await providerGroupsOf(db, user_id)).find(({ name }) => name === provider_group)
  if (!found)
    throw new CoprError(
      'forbidden',
      `Cannot activate ${provider_group}: you were not a member when you logged in`,
    )
  if (found.activated_as !== null)
    throw new CoprError(
      'conflict',
      `Cannot activate ${provider_group}: it is @${found.activated_as} already`,
    )
}

async function enrolMembers(tx: Tx, group_id: number, provider_group: string): Promise<void> {
  // The lock serializes this with logins that remove users from the provider group.
  const users = await tx
    .selectFrom('user_account')
    .select('id')
    .where(sql<boolean>`provider_groups @> array[${provider_group}]::text[]`)
    .orderBy('id')
    .forUpdate()
    .execute()
  if (users.length === 0) return
  await tx
    .insertInto('group_member')
    .values(users.map(({ id }) => ({ group_id, user_id: id })))
    .execute()
}

async function groupOfProviderGroup(
  db: Db,
  provider_group: string | null,
): Promise<string | undefined> {
  const found = await db
    .selectFrom('user_group')
    .select('name')
    .where('provider_group', '=', provider_group)
    .executeTakeFirst()
  return found?.name
}
