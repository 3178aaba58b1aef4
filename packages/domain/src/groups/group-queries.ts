import type { Selectable } from 'kysely'
import type { Db } from '../database/open.ts'
import type { UserGroupTable } from '../database/schema.ts'
import { USER_COLUMNS } from '../users/user-queries.ts'
import type { User } from '../audit/actor.ts'

export type Group = Pick<
  Selectable<UserGroupTable>,
  'id' | 'name' | 'provider_group' | 'description' | 'created_at'
>

export const GROUP_COLUMNS = [
  'user_group.id',
  'user_group.name',
  'user_group.provider_group',
  'user_group.description',
  'user_group.created_at',
] as const

/** Finds a group by its name, without the @. */
export async function findGroup(db: Db, name: string): Promise<Group | undefined> {
  return await db
    .selectFrom('user_group')
    .select(GROUP_COLUMNS)
    .where('name', '=', name)
    .executeTakeFirst()
}

export async function listGroups(db: Db): Promise<Group[]> {
  return await db.selectFrom('user_group').select(GROUP_COLUMNS).orderBy('name').execute()
}

export async function listMembers(db: Db, group_id: number): Promise<User[]> {
  return await db
    .selectFrom('group_member')
    .innerJoin('user_account', 'user_account.id', 'group_member.user_id')
    .select(USER_COLUMNS)
    .where('group_id', '=', group_id)
    .orderBy('username')
    .execute()
}

/** Lists the groups that the user is a member of. */
export async function groupsOfUser(db: Db, user_id: number): Promise<Group[]> {
  return await db
    .selectFrom('group_member')
    .innerJoin('user_group', 'user_group.id', 'group_member.group_id')
    .select(GROUP_COLUMNS)
    .where('user_id', '=', user_id)
    .orderBy('name')
    .execute()
}

export interface ProviderGroup {
  name: string
  /** The name of the group on this site; null if the provider group has not been activated. */
  activated_as: string | null
}

/** Lists the provider groups that the user was in at the last login. */
export async function providerGroupsOf(db: Db, user_id: number): Promise<ProviderGroup[]> {
  const user = await db
    .selectFrom('user_account')
    .select('provider_groups')
    .where('id', '=', user_id)
    .executeTakeFirst()
  const names = user?.provider_groups ?? []
  if (names.length === 0) return []
  const activated = await db
    .selectFrom('user_group')
    .select(['name', 'provider_group'])
    .where('provider_group', 'in', names)
    .execute()
  const aliases = new Map(activated.map(({ name, provider_group }) => [provider_group, name]))
  return names.map((name) => ({ name, activated_as: aliases.get(name) ?? null }))
}
