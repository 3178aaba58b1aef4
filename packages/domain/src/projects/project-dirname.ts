import { dirnameFault } from '@copr/contract/names'
import { CoprError } from '@copr/process/errors'
import type { Db } from '../database/open.ts'
import { findProjectDir } from './project-queries.ts'

/**
 * Returns why a build cannot use a directory of the project: it does not exist, and its name is not allowed for a new one. Returns
 * undefined if the build can use it. Existing directories remain usable even if their names are no longer allowed.
 */
export async function refusalOfDirname(
  db: Db,
  project: { id: number; name: string },
  dirname: string,
): Promise<string | undefined> {
  if (dirname === project.name) return undefined
  const fault = dirnameFault(project.name, dirname)
  if (fault === undefined || (await findProjectDir(db, project.id, dirname))) return undefined
  return fault
}

/** Throws CoprError `invalid` if a build cannot use a directory of the project. */
export async function requireDirname(
  db: Db,
  project: { id: number; name: string },
  dirname: string,
): Promise<void> {
  const refusal = await refusalOfDirname(db, project, dirname)
  if (refusal !== undefined) throw new CoprError('invalid', `project_dirname: ${refusal}`)
}
