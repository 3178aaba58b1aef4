import type { Db } from '@copr/domain/database/open'
import { findProject, type Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'

/** Finds the project with the name `OWNER/PROJECT`; throws if there is none. */
export async function requireProject(db: Db, text: string): Promise<Project> {
  const [, ownername, name] = /^([^/]+)\/([^/]+)$/.exec(text) ?? []
  if (ownername === undefined || name === undefined)
    throw new CoprError('invalid', `Cannot find the project ${text}: write it as OWNER/PROJECT`)
  const project = await findProject(db, ownername, name)
  if (!project) throw new CoprError('not_found', `Project ${text} does not exist`)
  return project
}
