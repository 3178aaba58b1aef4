import { ForkProject } from '@copr/contract/api/fork'
import { forkProject } from '@copr/domain/projects/fork-project'
import { canCreateFor } from '@copr/domain/projects/project-access'
import type { Project } from '@copr/domain/projects/project-queries'
import type { UserActor } from '@copr/domain/audit/actor'
import { CoprError } from '@copr/process/errors'
import type { Frontend } from '../frontend.ts'
import { type Form, parseForm } from '../http/read-form.ts'
import { makeProjectKey } from './project-keys.ts'

/** The error for a user who may not fork projects to this owner, beginning with Copr's wording. */
function refusalToFork(ownername: string): string {
  const fact = ownername.startsWith('@')
    ? 'Only members may create projects in the particular groups.'
    : `There is no such group: ${ownername}.`
  return `${fact} You cannot create projects for ${ownername}`
}

/** Forks a project according to a form; its results are copied in the background. */
export async function copyProject(
  frontend: Frontend,
  { user, source, form }: { user: UserActor; source: Project; form: Form },
): Promise<Project> {
  const { db, config, now } = frontend
  const { name, ownername, confirm = false } = parseForm(ForkProject, form)
  if (!(await canCreateFor(db, user, ownername)))
    throw new CoprError('invalid', `ownername: ${refusalToFork(ownername)}`)
  const wanted = { source, ownername, name, confirm, limits: config.limits, now: now() }
  const project = await forkProject(db, user, wanted)
  if (project.public_key === null) void makeProjectKey(frontend, project)
  await frontend.untilPublished(project.id)
  return project
}
