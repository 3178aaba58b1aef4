import { type RepoOpts, RpmrepoAnswer } from '@copr/contract/api/rpmrepo'
import {
  isServed,
  listProjectChroots,
  type ProjectChroot,
} from '@copr/domain/projects/project-chroots'
import { dirDeadline } from '@copr/domain/retention/expire-dirs'
import { listProjectDirs, type Project } from '@copr/domain/projects/project-queries'
import { daysUntil } from '@copr/domain/projects/project-settings'
import { repoIdOf } from '@copr/domain/projects/repo-url'
import { runtimeDependencies } from '@copr/domain/projects/runtime-dependencies'
import { resultsUrl } from '../frontend.ts'
import { type Api, answer, open, pathPart } from '../http/answer.ts'
import { externalRepoId, hubHost, projectRepoId } from './repo-ids.ts'
import { requireProject } from '../api/find-or-404.ts'

/**
 * Serves the data from which the copr plugin of DNF 5 generates `.repo` files. The data is the same for all directories and releases of a
 * project.
 */
export function rpmrepoRoutes(api: Api): void {
  const { frontend } = api
  const { db, config, now } = frontend
  answer(api, '/rpmrepo/:ownername/:dirname/:name_release', {
    GET: open(
      { summary: 'The data from which DNF 5 generates a .repo file', answer: RpmrepoAnswer },
      async (c) => {
        const name = pathPart(c, 'dirname').split(':')[0] ?? ''
        const project = await requireProject(db, pathPart(c, 'ownername'), name)
        const all = await listProjectChroots(db, [project.id])
        const chroots = all.filter((each) => isServed(each, now()))
        const dirs = await listProjectDirs(db, project.id)
        const body: RpmrepoAnswer = {
          results_url: resultsUrl(config),
          repos: reposOf(project, chroots, now()),
          directories: Object.fromEntries(
            dirs.map((dir) => [dir.name, deadline(dirDeadline(dir), now())]),
          ),
          dependencies: await dependenciesOf(project),
          ...deadline(project.delete_after, now()),
        }
        return c.json(body)
      },
    ),
  })

  async function dependenciesOf(project: Project): Promise<RpmrepoAnswer['dependencies']> {
    const { projects, external } = await runtimeDependencies(db, project)
    const host = hubHost(config)
    const label = `Copr ${host}/${project.ownername}/${project.name}`
    const copr = projects.map(({ ownername, name }, index) => ({
      type: 'copr' as const,
      opts: {
        id: projectRepoId('coprdep', host, { ownername, dirname: name }),
        name: `${label} runtime dependency #${index + 1} - ${ownername}/${name}`,
      },
      data: { owner: ownername, projectname: name },
    }))
    const others = external.map((url, index) => ({
      type: 'external_baseurl' as const,
      opts: {
        id: externalRepoId(url),
        name: `${label} external runtime dependency #${copr.length + index + 1} - ${repoIdOf(url)}`,
      },
      data: { pattern: url },
    }))
    return [...copr, ...others]
  }
}

function reposOf(project: Project, chroots: ProjectChroot[], now: Date): RpmrepoAnswer['repos'] {
  const opts: RepoOpts = {
    ...(project.module_hotfixes ? { module_hotfixes: '1' as const } : {}),
    ...(project.repo_priority ? { priority: project.repo_priority } : {}),
  }
  const releases = Map.groupBy(chroots, (each) => `${each.os_release}-${each.os_version}`)
  const repos = [...releases].map(([release, members]) => {
    const arches = members.map(({ arch, delete_after }) => {
      const has32 = members.some((each) => each.arch === 'i386')
      const multilib = project.multilib && arch === 'x86_64' && has32
      const beside = { multilib: { i386: { opts: { cost: '1100', ...opts } } } }
      return [arch, { opts, ...deadline(delete_after, now), ...(multilib ? beside : {}) }] as const
    })
    return [release, { arch: Object.fromEntries(arches) }] as const
  })
  return Object.fromEntries(repos)
}

function deadline(moment: Date | null, now: Date): { delete_after_days?: number } {
  const days = daysUntil(moment, now)
  return days === null ? {} : { delete_after_days: days }
}
