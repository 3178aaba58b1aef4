import type { AddProject, EditProject } from '@copr/contract/api/projects'
import type { Db } from '@copr/domain/database/open'
import { findCoprProjects, projectOf } from '@copr/domain/projects/build-repos'
import { deleteAfter, type ProjectSettings } from '@copr/domain/projects/project-settings'
import { parseCoprUrl } from '@copr/domain/projects/repo-url'
import type { UserActor } from '@copr/domain/audit/actor'
import { CoprError } from '@copr/process/errors'

/** Converts a form to project settings; fields that were not sent are left out. */
export function settingsOf(form: EditProject | AddProject, now: Date): Partial<ProjectSettings> {
  const settings: { [Key in keyof ProjectSettings]: ProjectSettings[Key] | undefined } = {
    homepage: orNull(form.homepage),
    contact: orNull(form.contact),
    description: form.description,
    instructions: form.instructions,
    devel_mode: form.devel_mode ?? form.disable_createrepo,
    persistent: 'persistent' in form ? form.persistent : undefined,
    unlisted_on_hp: form.unlisted_on_hp,
    auto_prune: form.auto_prune,
    enable_net: form.enable_net ?? form.build_enable_net,
    bootstrap: form.bootstrap ?? bootstrapOf(form.use_bootstrap_container),
    isolation: form.isolation,
    module_hotfixes: form.module_hotfixes,
    appstream: form.appstream,
    fedora_review: form.fedora_review,
    rpmlint: form.rpmlint,
    multilib: form.multilib,
    follow_fedora_branching: form.follow_fedora_branching,
    repo_priority: form.repo_priority,
    delete_after: deadlineOf(form.delete_after_days, now),
    additional_repos: form.additional_repos ?? form.repos,
    runtime_dependencies: form.runtime_dependencies,
    packit_forge_projects_allowed: form.packit_forge_projects_allowed?.map((project) =>
      project.replace(/^[a-z]+:\/\//, ''),
    ),
  }
  const sent = Object.entries(settings).filter(([, value]) => value !== undefined)
  return Object.fromEntries(sent) as Partial<ProjectSettings>
}

/** Performs the checks that the form's schema cannot express: that referenced projects exist, and that the settings can be combined. */
export async function checkSettings(db: Db, settings: Partial<ProjectSettings>): Promise<void> {
  if (settings.persistent && settings.delete_after)
    throw new CoprError('invalid', 'persistent: cannot be combined with delete_after_days')
  for (const field of ['additional_repos', 'runtime_dependencies'] as const)
    await requireRepositories(db, field, settings[field] ?? [])
}

/** Refuses `copr://` URLs of projects that do not exist. */
export async function requireRepositories(db: Db, field: string, urls: string[]): Promise<void> {
  const known = await findCoprProjects(db, urls)
  const missing = urls.filter((url) => {
    const copr = parseCoprUrl(url)
    return copr !== undefined && !known.has(projectOf(copr))
  })
  if (missing.length > 0)
    throw new CoprError(
      'invalid',
      `${field}: ${missing.map((url) => `${url} does not exist.`).join(' ')} There is no such project`,
    )
}

/** Throws if a user who is not an administrator chooses settings that are costly for the site. */
export function requireAdminSettings(user: UserActor, settings: Partial<ProjectSettings>): void {
  if (user.is_admin) return
  if (settings.persistent)
    throw new CoprError(
      'forbidden',
      'Non-admin cannot create persistent project. Ask an administrator of the site',
    )
  if (settings.auto_prune === false)
    throw new CoprError(
      'forbidden',
      'Non-admin cannot disable auto-prunning. Ask an administrator of the site',
    )
}

function orNull(text: string | undefined): string | null | undefined {
  return text === '' ? null : text
}

function bootstrapOf(use: boolean | undefined): string | undefined {
  if (use === undefined) return undefined
  return use ? 'on' : 'off'
}

function deadlineOf(days: number | undefined, now: Date): Date | null | undefined {
  if (days === undefined) return undefined
  return days < 0 ? null : deleteAfter(days, now)
}
