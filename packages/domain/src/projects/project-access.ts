import { CoprError } from '@copr/process/errors'
import type { Db } from '../database/open.ts'
import type { Actor } from '../audit/actor.ts'
import { refusalOfToken } from '../users/token-limits.ts'

interface Owned {
  id: number
  ownername: string
  name: string
  persistent: boolean
}

/** The rights of an actor in a project. */
export interface Rights {
  /** Submit and cancel builds. */
  build: boolean
  /** Change settings, packages, permissions; delete builds. */
  edit: boolean
  delete: boolean
}

const NONE: Rights = { build: false, edit: false, delete: false }

/** Builds the sentence by which clients recognize that the user lacks a right. */
export type Refusal = (user: string, project: string) => string

/** The sentences for most operations, with Copr's wording, because Packit and scripts search for it in errors. */
const REFUSALS: Record<keyof Rights, Refusal> = {
  build: (user, project) => `User ${user} is not allowed to build in the copr: ${project}.`,
  edit: () => 'Only owners and admins may update their projects.',
  delete: () => 'Only owners may delete their projects.',
}

const REMEDIES: Record<keyof Rights, (project: string) => string> = {
  build: (project) =>
    `You cannot build in ${project}: ask for the role builder on its page of permissions`,
  edit: (project) =>
    `You cannot change ${project}: ask for the role admin on its page of permissions`,
  delete: (project) => `You cannot delete ${project}: ask its owner`,
}

/**
 * Returns an actor's rights. Site administrators, the project's owner, and the members of a group that owns it have all rights; other users
 * have those that they were granted.
 */
export async function rightsIn(db: Db, actor: Actor | undefined, project: Owned): Promise<Rights> {
  if (!actor) return NONE
  if (refusalOfToken(actor, { access: 'user', project_id: project.id })) return NONE
  // Not even an administrator may delete a persistent project.
  const all: Rights = { build: true, edit: true, delete: !project.persistent }
  if (actor.is_admin || actor.username === project.ownername) return all
  if (actor.id === null) return NONE
  if (await isMember(db, actor.id, project.ownername)) return all
  const given = await db
    .selectFrom('project_permission')
    .select(['admin', 'builder'])
    .where('project_id', '=', project.id)
    .where('user_id', '=', actor.id)
    .executeTakeFirst()
  const edit = given?.admin === 'approved'
  return { build: edit || given?.builder === 'approved', edit, delete: false }
}

/** Throws `forbidden` unless the actor has the right. The message begins with Copr's wording and then says how to get the right. */
export async function requireRight(
  db: Db,
  actor: Actor | undefined,
  project: Owned,
  right: keyof Rights,
  refusal = REFUSALS[right],
): Promise<void> {
  if ((await rightsIn(db, actor, project))[right]) return
  const name = `${project.ownername}/${project.name}`
  if (right === 'delete' && project.persistent)
    throw new CoprError(
      'forbidden',
      `This project is protected against deletion. ${name} is persistent: it cannot be deleted`,
    )
  if (actor && refusalOfToken(actor, { access: right, project_id: project.id }))
    throw new CoprError('forbidden', `Your token is restricted to a project other than ${name}`)
  throw new CoprError(
    'forbidden',
    `${refusal(actor?.username ?? 'anonymous', name)} ${REMEDIES[right](name)}`,
  )
}

/** Reports whether the actor may create projects for this owner. Only site administrators may do so for other users. */
export async function canCreateFor(db: Db, actor: Actor, ownername: string): Promise<boolean> {
  if (refusalOfToken(actor, { access: 'create' })) return false
  if (actor.is_admin || actor.username === ownername) return true
  return actor.id !== null && (await isMember(db, actor.id, ownername))
}

async function isMember(db: Db, user_id: number, ownername: string): Promise<boolean> {
  if (!ownername.startsWith('@')) return false
  const member = await db
    .selectFrom('group_member')
    .innerJoin('user_group', 'user_group.id', 'group_member.group_id')
    .select('user_id')
    .where('user_id', '=', user_id)
    .where('user_group.name', '=', ownername.slice(1))
    .executeTakeFirst()
  return member !== undefined
}
