import { CoprError } from '@copr/process/errors'
import { sql } from 'kysely'
import { audit } from '../audit/audit.ts'
import type { Db, Tx } from '../database/open.ts'
import type { Actor, User } from '../audit/actor.ts'
import type { Group } from './group-queries.ts'

interface Membership {
  group: Group
  user: Pick<User, 'id' | 'username'>
}

/** Adds a user to a group; returns false if the user was a member already. */
export async function addMember(
  db: Db,
  actor: Actor,
  { group, user }: Membership,
  now: Date,
): Promise<boolean> {
  requireLocal(group)
  return await db.transaction().execute(async (tx) => {
    const added = await tx
      .insertInto('group_member')
      .values({ group_id: group.id, user_id: user.id })
      .onConflict((conflict) => conflict.doNothing())
      .returning('user_id')
      .executeTakeFirst()
    if (added) await noteMember(tx, actor, { group: group.name, user, is: 'added' }, now)
    return added !== undefined
  })
}

/** Removes a user from a group; returns false if the user was not a member. */
export async function removeMember(
  db: Db,
  actor: Actor,
  { group, user }: Membership,
  now: Date,
): Promise<boolean> {
  requireLocal(group)
  return await db.transaction().execute(async (tx) => {
    const removed = await tx
      .deleteFrom('group_member')
      .where('group_id', '=', group.id)
      .where('user_id', '=', user.id)
      .returning('user_id')
      .executeTakeFirst()
    if (removed) await noteMember(tx, actor, { group: group.name, user, is: 'removed' }, now)
    return removed !== undefined
  })
}

/** Updates the user's memberships in activated provider groups to match the groups that the provider reports. */
export async function syncMemberships(
  tx: Tx,
  actor: Actor,
  { user, provider_groups }: { user: Pick<User, 'id' | 'username'>; provider_groups: string[] },
  now: Date,
): Promise<void> {
  const isNamed = sql<boolean>`user_group.provider_group = any(${provider_groups}::text[])`
  const left = await tx
    .deleteFrom('group_member')
    .using('user_group')
    .whereRef('user_group.id', '=', 'group_member.group_id')
    .where('group_member.user_id', '=', user.id)
    .where('user_group.provider_group', 'is not', null)
    .where((eb) => eb.not(isNamed))
    .returning('user_group.name')
    .execute()
  const wanted = await tx.selectFrom('user_group').select(['id', 'name']).where(isNamed).execute()
  const joined = await joinGroups(
    tx,
    user.id,
    wanted.map(({ id }) => id),
  )
  for (const { name } of left)
    await noteMember(tx, actor, { group: name, user, is: 'removed' }, now)
  for (const { name } of wanted.filter(({ id }) => joined.has(id)))
    await noteMember(tx, actor, { group: name, user, is: 'added' }, now)
}

/** Adds the user to the groups; returns the ids of those that the user was not yet a member of. */
async function joinGroups(tx: Tx, user_id: number, group_ids: number[]): Promise<Set<number>> {
  if (group_ids.length === 0) return new Set()
  const added = await tx
    .insertInto('group_member')
    .values(group_ids.map((group_id) => ({ group_id, user_id })))
    .onConflict((conflict) => conflict.doNothing())
    .returning('group_id')
    .execute()
  return new Set(added.map(({ group_id }) => group_id))
}

function requireLocal({ name, provider_group }: Group): void {
  if (provider_group !== null)
    throw new CoprError(
      'conflict',
      `Cannot change the members of @${name}: they come from ${provider_group} at the identity provider`,
    )
}

async function noteMember(
  tx: Tx,
  actor: Actor,
  { group, user, is }: { group: string; user: Pick<User, 'username'>; is: 'added' | 'removed' },
  now: Date,
): Promise<void> {
  const action = is === 'added' ? 'group.add_member' : 'group.remove_member'
  const details = { user: user.username }
  await audit(tx, actor, { action, subject: `@${group}`, details }, now)
}
