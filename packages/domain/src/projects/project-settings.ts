import type { Project } from './project-queries.ts'

/** The settings of a project that its owner can change. */
export type ProjectSettings = Pick<
  Project,
  | 'homepage'
  | 'contact'
  | 'description'
  | 'instructions'
  | 'devel_mode'
  | 'persistent'
  | 'unlisted_on_hp'
  | 'auto_prune'
  | 'enable_net'
  | 'bootstrap'
  | 'isolation'
  | 'module_hotfixes'
  | 'appstream'
  | 'fedora_review'
  | 'rpmlint'
  | 'multilib'
  | 'follow_fedora_branching'
  | 'repo_priority'
  | 'delete_after'
  | 'additional_repos'
  | 'runtime_dependencies'
  | 'packit_forge_projects_allowed'
>

const DAY_MS = 24 * 60 * 60 * 1000

/** Returns the midnight (UTC) that ends the day `days` days after today. */
export function deleteAfter(days: number, now: Date): Date {
  const today = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate())
  return new Date(today + (days + 1) * DAY_MS)
}

/** Returns the number of whole days until `moment`; null if there is no deadline. */
export function daysUntil(moment: Date | null, now: Date): number | null {
  if (!moment) return null
  return Math.max(0, Math.floor((moment.getTime() - now.getTime()) / DAY_MS))
}
