import type { PermissionEventData } from '@copr/contract/events'
import type { PermissionState } from '@copr/contract/states'
import { CoprError } from '@copr/process/errors'
import { audit } from '../audit/audit.ts'
import { announceMail } from '../outbox/announce.ts'
import { projectAdmins } from '../outbox/mail-recipient.ts'
import type { Db, Tx } from '../database/open.ts'
import type { Project } from '../projects/project-queries.ts'
import type { Actor, UserActor } from '../audit/actor.ts'

export const ROLES = ['admin', 'builder'] as const
export type PermissionRole = (typeof ROLES)[number]

export interface Permission {
  username: string
  admin: PermissionState
  builder: PermissionState
}

export async function listPermissions(db: Db, project_id: number): Promise<Permission[]> {
  return await db
    .selectFrom('project_permission')
    .innerJoin('user_account', 'user_account.id', 'project_permission.user_id')
    .select(['username', 'admin', 'builder'])
    .where('project_id', '=', project_id)
    .orderBy('username')
    .execute()
}

/** Permissions keyed by username. Roles that are not listed do not change. */
export type WantedPermissions = Record<
  string,
  Partial<Record<PermissionRole, PermissionState | undefined>>
>

/** Atomically sets permissions; returns the names of the users whose permissions changed. */
export async function setPermissions(
  db: Db,
  actor: Actor,
  { project, wanted, now }: { project: Project; wanted: WantedPermissions; now: Date },
): Promise<string[]> {
  const names = Object.keys(wanted)
  return await db.transaction().execute(async (tx) => {
    const users = await tx
      .selectFrom('user_account')
      .select(['id', 'username'])
      .where('username', 'in', names)
      .execute()
    const ids = new Map(users.map(({ id, username }) => [username, id]))
    const updated: string[] = []
    for (const [username, roles] of Object.entries(wanted)) {
      const user_id = ids.get(username)
      if (user_id === undefined)
        throw new CoprError(
          'invalid',
          `user '${username}' doesn't exist in database: cannot set permissions`,
        )
      if (user_id === project.user_id)
        throw new CoprError(
          'invalid',
          `user '${username}' is owner of the '${project.ownername}/${project.name}' project, who needs no permissions`,
        )
      if (!(await change(tx, project.id, user_id, roles))) continue
      updated.push(username)
      await announceMail(tx, 'permission.changed', {
        recipients: user_id === actor.id ? [] : [user_id],
        data: mailData(actor, { project, username, roles }),
        now,
      })
    }
    if (updated.length > 0)
      await note(tx, actor, { project, action: 'permissions.set', details: wanted, now })
    return updated
  })
}

/** Requests roles for the user, or gives them up; returns false if nothing changed. */
export async function requestPermissions(
  db: Db,
  user: UserActor,
  {
    project,
    roles,
    now,
  }: { project: Project; roles: Partial<Record<PermissionRole, boolean | undefined>>; now: Date },
): Promise<boolean> {
  if (user.id === project.user_id || user.username === project.ownername)
    throw new CoprError(
      'invalid',
      `user '${user.username}' is owner of the '${project.ownername}/${project.name}' project, who needs no permissions`,
    )
  return await db.transaction().execute(async (tx) => {
    const before = await tx
      .selectFrom('project_permission')
      .select(ROLES)
      .where('project_id', '=', project.id)
      .where('user_id', '=', user.id)
      .executeTakeFirst()
    const wanted: Partial<Record<PermissionRole, PermissionState>> = {}
    for (const role of ROLES) {
      if (roles[role] === undefined) continue
      if (roles[role] && before?.[role] === 'approved')
        throw new CoprError(
          'invalid',
          `You already are '${role}' in '${project.ownername}/${project.name}'`,
        )
      wanted[role] = roles[role] ? 'request' : 'nothing'
    }
    const changed = await change(tx, project.id, user.id, wanted)
    if (!changed) return false
    await note(tx, user, { project, action: 'permissions.request', details: wanted, now })
    await announceMail(tx, 'permission.requested', {
      recipients: (await projectAdmins(tx, project.id)).filter((id) => id !== user.id),
      data: mailData(user, { project, username: user.username, roles: wanted }),
      now,
    })
    return true
  })
}

function mailData(
  actor: Actor,
  { project, username, roles }: { project: Project; username: string; roles: object },
): Omit<PermissionEventData, 'recipient_id'> {
  const { ownername, name: projectname } = project
  return { actor: actor.username, username, ownername, projectname, roles: { ...roles } }
}

/** Stores the roles of a user; returns whether anything changed. */
async function change(
  tx: Tx,
  project_id: number,
  user_id: number,
  roles: WantedPermissions[string],
): Promise<boolean> {
  const before = await tx
    .selectFrom('project_permission')
    .select(ROLES)
    .where('project_id', '=', project_id)
    .where('user_id', '=', user_id)
    .forUpdate()
    .executeTakeFirst()
  const was = before ?? { admin: 'nothing' as const, builder: 'nothing' as const }
  const will = { admin: roles.admin ?? was.admin, builder: roles.builder ?? was.builder }
  await tx
    .insertInto('project_permission')
    .values({ project_id, user_id, ...will })
    .onConflict((conflict) => conflict.columns(['project_id', 'user_id']).doUpdateSet(will))
    .execute()
  return will.admin !== was.admin || will.builder !== was.builder
}

async function note(
  tx: Tx,
  actor: Actor,
  {
    project,
    action,
    details,
    now,
  }: { project: Project; action: string; details: object; now: Date },
): Promise<void> {
  const subject = `${project.ownername}/${project.name}`
  await audit(tx, actor, { action, project_id: project.id, subject, details: { ...details } }, now)
}
