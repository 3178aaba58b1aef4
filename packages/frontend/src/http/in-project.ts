import { requireRight, type Rights } from '@copr/domain/projects/project-access'
import type { Project } from '@copr/domain/projects/project-queries'
import type { UserActor } from '@copr/domain/audit/actor'
import { requireOfToken } from '@copr/domain/users/token-limits'
import type { Context } from 'hono'
import { requireProject } from '../api/find-or-404.ts'
import { authorizedBy, type Handled, pathPart, type Protected, type UserRequest } from './answer.ts'

/** Finds the project that a request names, and returns it with anything else that was read to find it. */
export type Locate<Found extends { project: Project }> = (request: UserRequest) => Promise<Found>

type Handler<Found> = (c: Context, found: Found & { user: UserActor }) => ReturnType<Handled['run']>

/** Declares an operation in the project that the path names. The handler runs only if the user has the right that `access` names. */
export function inProject(operation: Protected, handler: Handler<{ project: Project }>): Handled {
  return inProjectOf(projectOfPath, operation, handler)
}

/** Like `inProject()`, but `locate` finds the project, for instance through the request's body. */
export function inProjectOf<Found extends { project: Project }>(
  locate: Locate<Found>,
  operation: Protected,
  handler: Handler<Found>,
): Handled {
  const { access, refusal } = operation
  const authorize = async (request: UserRequest): Promise<Found> => {
    const found = await locate(request)
    if (isRight(access))
      await requireRight(request.frontend.db, request.user, found.project, access, refusal)
    return found
  }
  return authorizedBy(operation, authorize, handler)
}

/** Finds the project that the path names. A token of another project is refused, even if the operation requires no right. */
async function projectOfPath({ c, frontend, user }: UserRequest): Promise<{ project: Project }> {
  const owner = pathPart(c, 'ownername')
  const project = await requireProject(frontend.db, owner, pathPart(c, 'projectname'))
  requireOfToken(user, { access: 'user', project_id: project.id })
  return { project }
}

function isRight(access: Protected['access']): access is keyof Rights {
  return access === 'build' || access === 'edit' || access === 'delete'
}
