import type { TaskRepo } from '@copr/contract/builder-protocol'
import type { Db } from '../database/open.ts'
import type { ProjectChroot } from './project-chroots.ts'
import { findProject, type Project } from './project-queries.ts'
import { expandRepo, parseCoprUrl, repoIdOf } from './repo-url.ts'

export interface BuildReposInput {
  project: Pick<
    Project,
    'ownername' | 'name' | 'additional_repos' | 'devel_mode' | 'module_hotfixes' | 'repo_priority'
  >
  /** The project dir that receives the build's results; the main directory has the project's name. */
  dirname: string
  chroot: string
  /** The additional repositories of the project chroot. */
  chroot_repos: string[]
  /** For example `https://copr.example.org/results`, without a trailing slash. */
  results_url: string
  /** The projects that the `copr://` URLs refer to, keyed by `owner/project`. */
  copr_projects: ReadonlyMap<string, { module_hotfixes: boolean }>
}

/** DNF's default priority. A project with this priority is treated as if it had set none. */
const DEFAULT_PRIORITY = 99

/** Returns the repositories that a build uses in addition to those of its chroot, in the same order as Copr. */
export function reposForBuild(input: BuildReposInput): TaskRepo[] {
  const { project, dirname, chroot, results_url } = input
  const main = `${results_url}/${project.ownername}/${project.name}/${chroot}/`
  const own = (id: string, name: string, baseurl: string): TaskRepo => ({
    id,
    name,
    baseurl,
    priority: project.repo_priority === DEFAULT_PRIORITY ? null : project.repo_priority,
    module_hotfixes: null,
    gpgcheck: false,
    repo_gpgcheck: false,
    gpgkey: null,
    is_external: false,
  })
  const base = own('copr_base', 'Copr repository', main)
  const repos = [project.module_hotfixes ? { ...base, module_hotfixes: true } : base]
  if (project.devel_mode) repos.push(own('copr_base_devel', 'Copr buildroot', `${main}devel/`))
  if (dirname !== project.name) {
    const url = `${results_url}/${project.ownername}/${dirname}/${chroot}/`
    repos.push(own('copr_coprdir', 'Coprdir repository', url))
  }
  const additional = [...project.additional_repos, ...input.chroot_repos]
  return [...repos, ...additional.map((url) => additionalRepo(url, input))]
}

type ReposContext = Pick<BuildReposInput, 'chroot' | 'results_url' | 'copr_projects'>

/**
 * Returns the additional repositories that a custom script's settings list for its own buildroot, given in the same notation as those of a
 * project.
 */
export async function reposForScript(
  db: Db,
  urls: string[],
  place: Omit<ReposContext, 'copr_projects'>,
): Promise<TaskRepo[]> {
  const copr_projects = await findCoprProjects(db, urls)
  return urls.map((url) => additionalRepo(url, { ...place, copr_projects }))
}

function additionalRepo(url: string, input: ReposContext): TaskRepo {
  const { baseurl, priority, copr } = expandRepo(url, input)
  const project = copr && input.copr_projects.get(projectOf(copr))
  const id = repoIdOf(url)
  return {
    id,
    name: `Additional repo ${id}`,
    baseurl,
    priority,
    module_hotfixes: project?.module_hotfixes ? true : null,
    gpgcheck: false,
    repo_gpgcheck: project ? false : null,
    gpgkey: null,
    // The results of another project on this site are not external: their base URL is the same as that of this project's results.
    is_external: copr === undefined,
  }
}

/**
 * Returns the repository URLs in the order in which the API lists them: the project itself, then the additional ones of the chroot, then
 * those of the project.
 */
export function additionalRepoUrls({ project, chroot_repos }: BuildReposInput): string[] {
  const own = `copr://${project.ownername}/${project.name}`
  return [
    own,
    ...chroot_repos,
    ...project.additional_repos,
    ...(project.devel_mode ? [`${own}/devel`] : []),
  ]
}

/** Loads the input of `reposForBuild()`. */
export async function loadBuildRepos(
  db: Db,
  wanted: {
    project: Project
    dirname: string
    chroot: Pick<ProjectChroot, 'name' | 'additional_repos'>
    results_url: string
  },
): Promise<BuildReposInput> {
  const { project, dirname, chroot, results_url } = wanted
  const chroot_repos = chroot.additional_repos
  const copr_projects = await findCoprProjects(db, [...project.additional_repos, ...chroot_repos])
  return { project, dirname, chroot: chroot.name, chroot_repos, results_url, copr_projects }
}

/** Finds the projects that `copr://` URLs refer to, as far as they exist; returns them keyed by `owner/project`. */
export async function findCoprProjects(db: Db, urls: string[]): Promise<Map<string, Project>> {
  const found = new Map<string, Project>()
  for (const copr of urls.flatMap((url) => parseCoprUrl(url) ?? [])) {
    const project = await findProject(db, copr.owner, copr.dirname.split(':')[0] ?? '')
    if (project) found.set(projectOf(copr), project)
  }
  return found
}

export function projectOf(copr: { owner: string; dirname: string }): string {
  return `${copr.owner}/${copr.dirname.split(':')[0]}`
}
