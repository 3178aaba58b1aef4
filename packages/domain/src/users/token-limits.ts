import type { TokenScope } from '@copr/contract/token-scopes'
import { CoprError } from '@copr/process/errors'
import type { Actor } from '../audit/actor.ts'

/**
 * The right that a request needs besides a login: none, one in a project, or more. `account` changes the account
 * itself, and gives rights without limits.
 */
export type Access = 'anyone' | 'user' | 'account' | 'build' | 'edit' | 'delete' | 'create'

export interface Need {
  access: Access
  /** Undefined: asked for before, by the route. */
  scope?: TokenScope | undefined
  /** Scopes that the answer or its effect is worth, for this user or for another one. */
  gives?: readonly TokenScope[] | undefined
  /** Undefined: not known yet, or no project. */
  project_id?: number | undefined
}

/**
 * Decides for every route what a named, scoped or project-bound token may do: never more than its limits say, and
 * nothing by which its holder would have more afterwards. Returns why not; undefined: it may.
 */
export function refusalOfToken(
  { limits }: Pick<Actor, 'limits'>,
  { access, scope, gives = [], project_id }: Need,
): string | undefined {
  if (limits === undefined) return undefined
  if (access === 'account') return 'it is a named one, and this needs a login or the classic token'
  for (const each of scope === undefined ? gives : [scope, ...gives])
    if (limits.scopes !== null && !limits.scopes.includes(each))
      return `it lacks the scope "${each}"`
  if (limits.project_id === null) return undefined
  if (access === 'create') return 'it is for one project, and cannot make another'
  if (project_id !== undefined && project_id !== limits.project_id)
    return 'it is for another project'
  return undefined
}

/** Throws unless the token may. */
export function requireOfToken(actor: Pick<Actor, 'limits'>, need: Need): void {
  const refusal = refusalOfToken(actor, need)
  if (refusal !== undefined)
    throw new CoprError('forbidden', `Your token may not do this: ${refusal}`)
}
