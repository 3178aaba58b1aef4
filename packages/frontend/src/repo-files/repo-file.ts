import type { ProjectChroot } from '@copr/domain/projects/project-chroots'
import type { Project } from '@copr/domain/projects/project-queries'
import type { RuntimeDependencies } from '@copr/domain/projects/runtime-dependencies'
import { repoIdOf } from '@copr/domain/projects/repo-url'
import { externalBaseurl, externalRepoId, projectRepoId } from './repo-ids.ts'

type RepoProject = Pick<Project, 'ownername' | 'name' | 'module_hotfixes' | 'repo_priority'>
type RepoChroot = Pick<ProjectChroot, 'name' | 'os_release' | 'os_version' | 'arch'>

export interface RepoFileInput {
  project: RepoProject
  dirname: string
  chroot: RepoChroot
  /** Whether the file for the 64-bit chroot also contains the 32-bit repository. */
  multilib: boolean
  dependencies: Pick<RuntimeDependencies, 'external' | 'missing'> & { projects: RepoProject[] }
  host: string
  results_url: string
  repo_gpgcheck: boolean
}

interface Part {
  id: string
  name: string
  baseurl: string
  gpgkey?: string
  cost?: number
  module_hotfixes?: boolean
  priority?: number | null
}

/** Renders the file that `dnf copr enable` writes to /etc/yum.repos.d; it must begin with `[copr:`. */
export function renderRepoFile(input: RepoFileInput): string {
  const { project, dirname, chroot, host, results_url, multilib, dependencies } = input
  const { ownername } = project
  const base = `${results_url}/${ownername}/${dirname}`
  const main = {
    ...settingsOf(project),
    id: projectRepoId('copr', host, { ownername, dirname }),
    name: `Copr repo for ${dirname} owned by ${ownername}`,
    baseurl: `${base}/${chrootInUrl(chroot, '$basearch')}/`,
    gpgkey: `${base}/pubkey.gpg`,
  }
  const parts: Part[] = [main]
  if (multilib)
    parts.push({
      ...main,
      id: `${main.id}:ml`,
      name: `${main.name} (i386)`,
      baseurl: `${base}/${chrootInUrl(chroot, 'i386')}/`,
      cost: 1100,
    })
  const label = `Copr ${host}/${ownername}/${project.name}`
  parts.push(
    ...dependencies.projects.map((each, index) => dependencyPart(each, index, input, label)),
  )
  const before = dependencies.projects.length
  parts.push(
    ...dependencies.external.map((url, index) => ({
      id: externalRepoId(url),
      name: `${label} external runtime dependency #${before + index + 1} - ${repoIdOf(url)}`,
      baseurl: externalBaseurl(url, chroot.name),
    })),
  )
  const comments = dependencies.missing.map(
    (url) => `# The runtime dependency ${url} does not exist`,
  )
  return (
    [...parts.map((part) => renderPart(part, input.repo_gpgcheck)), ...comments].join('\n\n') + '\n'
  )
}

function dependencyPart(
  project: RepoProject,
  index: number,
  input: RepoFileInput,
  label: string,
): Part {
  const { ownername, name } = project
  const base = `${input.results_url}/${ownername}/${name}`
  return {
    ...settingsOf(project),
    id: projectRepoId('coprdep', input.host, { ownername, dirname: name }),
    name: `${label} runtime dependency #${index + 1} - ${ownername}/${name}`,
    baseurl: `${base}/${chrootInUrl(input.chroot, '$basearch')}/`,
    gpgkey: `${base}/pubkey.gpg`,
  }
}

function settingsOf({
  module_hotfixes,
  repo_priority,
}: RepoProject): Pick<Part, 'module_hotfixes' | 'priority'> {
  return { module_hotfixes, priority: repo_priority }
}

/** Returns the chroot in a baseurl. For distributions that support in-place upgrades, it contains `$releasever`, which dnf substitutes. */
function chrootInUrl({ os_release, os_version }: RepoChroot, arch: string): string {
  const moves =
    ['fedora', 'centos-stream', 'opensuse-leap'].includes(os_release) ||
    (os_release === 'mageia' && os_version !== 'cauldron')
  return `${os_release}-${moves ? '$releasever' : os_version}-${arch}`
}

function renderPart(part: Part, repo_gpgcheck: boolean): string {
  const signed = part.gpgkey !== undefined
  const lines = [
    `[${part.id}]`,
    `name=${part.name}`,
    `baseurl=${part.baseurl}`,
    'type=rpm-md',
    'skip_if_unavailable=True',
    `gpgcheck=${signed ? 1 : 0}`,
    ...(signed ? [`gpgkey=${part.gpgkey}`] : []),
    `repo_gpgcheck=${signed && repo_gpgcheck ? 1 : 0}`,
    ...(part.cost === undefined ? [] : [`cost=${part.cost}`]),
    'enabled=1',
    'enabled_metadata=1',
    ...(part.module_hotfixes ? ['module_hotfixes=1'] : []),
    ...(part.priority ? [`priority=${part.priority}`] : []),
  ]
  return lines.join('\n')
}
