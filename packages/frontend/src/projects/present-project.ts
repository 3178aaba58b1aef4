import type { ProjectAnswer } from '@copr/contract/api/projects'
import type { Db } from '@copr/domain/database/open'
import { offeredChrootNames } from '@copr/domain/projects/project-chroots'
import type { Project } from '@copr/domain/projects/project-queries'

function presentProject(project: Project, chroots: string[], results_url: string): ProjectAnswer {
  const { ownername, name } = project
  const urls = chroots.map(
    (chroot) => [chroot, `${results_url}/${ownername}/${name}/${chroot}/`] as const,
  )
  return {
    id: project.id,
    name,
    ownername,
    full_name: `${ownername}/${name}`,
    homepage: project.homepage,
    contact: project.contact,
    description: project.description,
    instructions: project.instructions,
    devel_mode: project.devel_mode,
    persistent: project.persistent,
    unlisted_on_hp: project.unlisted_on_hp,
    auto_prune: project.auto_prune,
    enable_net: project.enable_net,
    bootstrap: project.bootstrap,
    isolation: project.isolation,
    module_hotfixes: project.module_hotfixes,
    appstream: project.appstream,
    follow_fedora_branching: project.follow_fedora_branching,
    repo_priority: project.repo_priority,
    storage: 'backend',
    additional_repos: project.additional_repos,
    packit_forge_projects_allowed: project.packit_forge_projects_allowed,
    chroot_repos: Object.fromEntries(urls),
  }
}

/** Formats projects with their chroots, which a single query reads for all projects. */
export async function presentProjects(
  db: Db,
  projects: Project[],
  results_url: string,
): Promise<ProjectAnswer[]> {
  const chroots = await offeredChrootNames(
    db,
    projects.map(({ id }) => id),
  )
  return projects.map((project) =>
    presentProject(project, chroots.get(project.id) ?? [], results_url),
  )
}
