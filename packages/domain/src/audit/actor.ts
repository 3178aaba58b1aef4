import type { TokenScope } from '@copr/contract/token-scopes'
import type { Selectable } from 'kysely'
import type { UserAccountTable } from '../database/schema.ts'

/** The columns of a user that permission checks need. */
export type User = Pick<Selectable<UserAccountTable>, 'id' | 'username' | 'email' | 'is_admin'>

/** The user or system component that performs an action, and its rights. */
export interface Actor extends Omit<User, 'id'> {
  /** Null for the system and for an administrator at the command line. */
  id: number | null
  /** The channel of the request: `web`, `token`, `token NAME`, `oidc`, `command`, `webhook`, `system`. */
  via: string
  /** The limits of the API token that was used; undefined if there are none. */
  limits?: TokenLimits | undefined
  /** The reason for the action, for the audit log. */
  reason?: string | undefined
}

/** An actor that is a user. */
export type UserActor = Actor & User

export interface TokenLimits {
  /** Null means all scopes. */
  scopes: readonly TokenScope[] | null
  /** Null means all projects. */
  project_id: number | null
}

export function onTheWeb(user: User): UserActor {
  return { ...user, via: 'web' }
}

/** The administrator at the command line, who has no user account. */
export const COMMAND: Actor = {
  id: null,
  username: 'coprctl',
  email: null,
  is_admin: true,
  via: 'command',
}

/** The site itself, which acts when a deadline passes or a limit is reached. */
export const SYSTEM: Actor = {
  id: null,
  username: 'system',
  email: null,
  is_admin: true,
  via: 'system',
}
