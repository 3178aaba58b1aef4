import type { TokenScope } from '@copr/contract/token-scopes'
import type { Selectable } from 'kysely'
import type { UserAccountTable } from '../database/schema.ts'

/** The columns of a user that permission checks need. */
export type User = Pick<Selectable<UserAccountTable>, 'id' | 'username' | 'email' | 'is_admin'>

/** The user or system component that acts, and the rights that it acts with. */
export interface Actor extends Omit<User, 'id'> {
  /** Null: no user, but the system, or a command of the administrator. */
  id: number | null
  /** How: `web`, `token`, `token NAME`, `command`, `webhook`, `system`. */
  via: string
  /** The limits of the API token used; undefined: no limits. */
  limits?: TokenLimits | undefined
  /** Why it is done, for the audit log. */
  reason?: string | undefined
}

/** A user who does something. */
export type UserActor = Actor & User

export interface TokenLimits {
  /** Null: all. */
  scopes: readonly TokenScope[] | null
  /** Null: all projects. */
  project_id: number | null
}

export function onTheWeb(user: User): UserActor {
  return { ...user, via: 'web' }
}

/** The administrator at the command line: no user of the site. */
export const COMMAND: Actor = {
  id: null,
  username: 'coprctl',
  email: null,
  is_admin: true,
  via: 'command',
}

/** The site itself, where a time has come or a limit is reached. */
export const SYSTEM: Actor = {
  id: null,
  username: 'system',
  email: null,
  is_admin: true,
  via: 'system',
}
