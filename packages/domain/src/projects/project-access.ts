import type { User } from '../users/user-queries.ts'

interface Owned {
  ownername: string
  persistent: boolean
}

/** May the user make projects of this owner? Only administrators act for somebody else. */
export function canCreateFor(user: User, ownername: string): boolean {
  return user.is_admin || user.username === ownername
}

export function canBuildIn(user: User | undefined, project: Owned): boolean {
  return user !== undefined && (user.is_admin || user.username === project.ownername)
}

export function canEdit(user: User | undefined, project: Owned): boolean {
  return user !== undefined && (user.is_admin || user.username === project.ownername)
}

/** Persistent projects are deleted by nobody. */
export function canDelete(user: User | undefined, project: Owned): boolean {
  if (user === undefined || project.persistent) return false
  return user.is_admin || user.username === project.ownername
}
