import type { Db } from '../database/open.ts'
import { tokenOf } from './api-tokens.ts'
import { listTokens } from './named-tokens.ts'
import { USER_COLUMNS } from './user-queries.ts'

const BUILDS_AT_ONCE = 1000

/**
 * Returns the data that is stored about a user, except builds (see `buildsOfUser()`). Secrets are not included: only their hashes are
 * stored.
 */
export async function ownData(db: Db, user_id: number): Promise<Record<string, unknown>> {
  const user = await db
    .selectFrom('user_account')
    .select([...USER_COLUMNS, 'created_at'])
    .where('id', '=', user_id)
    .executeTakeFirstOrThrow()
  const token = await tokenOf(db, user_id)
  const groups = await db
    .selectFrom('group_member')
    .innerJoin('user_group', 'user_group.id', 'group_member.group_id')
    .select('name')
    .where('user_id', '=', user_id)
    .orderBy('name')
    .execute()
  const projects = await db
    .selectFrom('project')
    .select(['ownername', 'name', 'created_at'])
    .where('user_id', '=', user_id)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .execute()
  const { username, email, is_admin, created_at } = user
  return {
    username,
    email,
    // Always null, because pages show times in the browser's time zone.
    timezone: null,
    is_admin,
    created_at,
    api_login: token?.login ?? null,
    api_token: null,
    api_token_expiration: token?.expires_on ?? null,
    tokens: await listTokens(db, user_id),
    groups: groups.map(({ name }) => name),
    projects: projects.map(({ ownername, name, ...rest }) => ({
      full_name: `${ownername}/${name}`,
      ...rest,
    })),
  }
}

/** Yields the builds that a user submitted, by id. */
export async function* buildsOfUser(
  db: Db,
  user_id: number,
): AsyncGenerator<{ id: number; project: string; submitted_at: Date }> {
  let after = 0
  for (;;) {
    const rows = await db
      .selectFrom('build')
      .innerJoin('project', 'project.id', 'build.project_id')
      .select(['build.id', 'ownername', 'project.name', 'submitted_at'])
      .where('submitter_id', '=', user_id)
      .where('build.id', '>', after)
      .orderBy('build.id')
      .limit(BUILDS_AT_ONCE)
      .execute()
    for (const { id, ownername, name, submitted_at } of rows)
      yield { id, project: `${ownername}/${name}`, submitted_at }
    after = rows.at(-1)?.id ?? 0
    if (rows.length < BUILDS_AT_ONCE) return
  }
}
