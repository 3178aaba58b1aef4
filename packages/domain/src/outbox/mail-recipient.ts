import type { Db } from '../database/open.ts'

/** Returns the name and address of a user; undefined if the user is deleted, is blocked, no longer wants mail or has no address. */
export async function mailRecipient(
  db: Db,
  user_id: number,
): Promise<{ username: string; email: string } | undefined> {
  const user = await db
    .selectFrom('user_account')
    .select(['username', 'email'])
    .where('id', '=', user_id)
    .where('wants_mail', '=', true)
    .where('blocked_at', 'is', null)
    .executeTakeFirst()
  return user && user.email !== null ? { username: user.username, email: user.email } : undefined
}

/** Returns the ids of the users who decide on requests in a project: its creator and those with the role admin. */
export async function projectAdmins(db: Db, project_id: number): Promise<number[]> {
  const [project, admins] = await Promise.all([
    db.selectFrom('project').select('user_id').where('id', '=', project_id).executeTakeFirst(),
    db
      .selectFrom('project_permission')
      .select('user_id')
      .where('project_id', '=', project_id)
      .where('admin', '=', 'approved')
      .execute(),
  ])
  const ids = [project?.user_id, ...admins.map(({ user_id }) => user_id)]
  return [...new Set(ids.filter((id) => id !== undefined && id !== null))]
}

/** Sets whether a user wants mail. */
export async function setWantsMail(db: Db, user_id: number, wants_mail: boolean): Promise<void> {
  await db.updateTable('user_account').set({ wants_mail }).where('id', '=', user_id).execute()
}
