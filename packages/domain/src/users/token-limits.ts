import type { TokenScope } from '@copr/contract/token-scopes'
import { CoprError } from '@copr/process/errors'
import type { Actor } from '../audit/actor.ts'

/**
 * The right that a request requires: none (`anyone`), a login (`user`), a right in a project (`build`, `edit`, `delete`), or the right to
 * create a project (`create`). `account` is the right to change the account itself, which implies all others.
 */
export type Access = 'anyone' | 'user' | 'account' | 'build' | 'edit' | 'delete' | 'create'

export interface Need {
  access: Access
  /** Undefined if the route has checked the scope already. */
  scope?: TokenScope | undefined
  /** Scopes that the request grants, through its response or its effect, to this user or to another one. */
  gives?: readonly TokenScope[] | undefined
  /** Undefined if the project is not known yet, or if there is none. */
  project_id?: number | undefined
}

/**
 * Decides, for all routes, whether a token permits a request: the request must not exceed the token's limits, and must not give the token's
 * holder rights that exceed them. Returns the reason for a refusal, or undefined if the request is permitted.
 */
export function refusalOfToken(
  { limits }: Pick<Actor, 'limits'>,
  { access, scope, gives = [], project_id }: Need,
): string | undefined {
  if (limits === undefined) return undefined
  if (access === 'account')
    return 'it is a named token, and this requires a login or the classic token'
  for (const each of scope === undefined ? gives : [scope, ...gives])
    if (limits.scopes !== null && !limits.scopes.includes(each))
      return `it lacks the scope "${each}"`
  if (limits.project_id === null) return undefined
  if (access === 'create') return 'it is restricted to one project and cannot create another'
  if (project_id !== undefined && project_id !== limits.project_id)
    return 'it is restricted to another project'
  return undefined
}

/** Throws `forbidden` unless the token permits the request. */
export function requireOfToken(actor: Pick<Actor, 'limits'>, need: Need): void {
  const refusal = refusalOfToken(actor, need)
  if (refusal !== undefined)
    throw new CoprError('forbidden', `Your token may not do this: ${refusal}`)
}
