import type { Db } from '../database/open.ts'
import { findProject, type Project } from './project-queries.ts'
import { parseCoprUrl } from './repo-url.ts'

export interface RuntimeDependencies {
  /** Copr projects, without duplicates; includes the dependencies of dependencies. */
  projects: Project[]
  external: string[]
  /** `copr://` URLs of projects that do not exist. */
  missing: string[]
}

/**
 * Finds the projects and external repositories that users of this project's packages need as well, including the dependencies of those
 * projects.
 */
export async function runtimeDependencies(db: Db, project: Project): Promise<RuntimeDependencies> {
  const seen = new Set([project.id])
  const found: RuntimeDependencies = { projects: [], external: [], missing: [] }
  const queue = [project]
  for (let next = queue.shift(); next; next = queue.shift()) {
    for (const url of next.runtime_dependencies) {
      const copr = parseCoprUrl(url)
      if (!copr) {
        if (!found.external.includes(url)) found.external.push(url)
        continue
      }
      const dependency = await findProject(db, copr.owner, copr.dirname)
      if (!dependency) {
        if (!found.missing.includes(url)) found.missing.push(url)
      } else if (!seen.has(dependency.id)) {
        seen.add(dependency.id)
        found.projects.push(dependency)
        queue.push(dependency)
      }
    }
  }
  return found
}
