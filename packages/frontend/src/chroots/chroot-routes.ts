import {
  ChrootBuildConfigAnswer,
  EditProjectChroot,
  MockChrootsAnswer,
  ProjectChrootAnswer,
  ProjectChrootQuery,
} from '@copr/contract/api/chroots'
import { listActiveChroots } from '@copr/domain/chroots/chroot-queries'
import { mockRootSettings } from '@copr/domain/projects/build-options'
import { additionalRepoUrls, loadBuildRepos } from '@copr/domain/projects/build-repos'
import { MAX_COMPS_BYTES } from '@copr/domain/projects/comps'
import { isOffered, type ProjectChroot } from '@copr/domain/projects/project-chroots'
import type { Project } from '@copr/domain/projects/project-queries'
import { daysUntil } from '@copr/domain/projects/project-settings'
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'
import { resultsUrl } from '../frontend.ts'
import { type Api, answer, open, pathPart, requiredQuery } from '../http/answer.ts'
import { inProject } from '../http/in-project.ts'
import { readFormWithFile } from '../http/read-form.ts'
import { changeChroot } from '../projects/change-chroot.ts'
import { requireProject, requireProjectChroot } from '../api/find-or-404.ts'
import { presentBootstrap, presentRepos } from '../repo-files/present-repos.ts'

export function chrootRoutes(api: Api): void {
  const { frontend } = api
  const { db, now } = frontend

  answer(api, '/mock-chroots/list', {
    GET: open(
      { summary: 'The chroots of this site, with comments', answer: MockChrootsAnswer },
      async (c) => {
        const chroots = await listActiveChroots(db)
        return c.json(Object.fromEntries(chroots.map(({ name, comment }) => [name, comment])))
      },
    ),
  })

  answer(api, '/project-chroot', {
    GET: open(
      {
        summary: 'A project’s settings for a chroot',
        query: ProjectChrootQuery,
        answer: ProjectChrootAnswer,
      },
      async (c) => {
        const { project, chroot } = await find(c)
        return c.json(presentProjectChroot(project, chroot, now()))
      },
    ),
  })

  answer(api, '/project-chroot/build-config', {
    GET: open(
      {
        summary: 'The configuration of builds in a project’s chroot',
        query: ProjectChrootQuery,
        answer: ChrootBuildConfigAnswer,
      },
      async (c) => {
        const { project, chroot } = await find(c)
        if (!isOffered(chroot))
          throw new CoprError(
            'not_found',
            `Chroot not found: ${chroot.name} is disabled in ${project.name}`,
          )
        const results_url = resultsUrl(frontend.config)
        const dirname = project.name
        const { isolation, ...root } = mockRootSettings({ chroot, project })
        const repos = await loadBuildRepos(db, { project, dirname, chroot, results_url })
        return c.json({
          chroot: chroot.name,
          enable_net: project.enable_net,
          additional_packages: chroot.additional_packages,
          additional_modules: chroot.additional_modules,
          additional_repos: additionalRepoUrls(repos),
          with_opts: chroot.with_opts,
          without_opts: chroot.without_opts,
          repos: presentRepos(repos),
          isolation,
          ...presentBootstrap(root),
        })
      },
    ),
  })

  answer(
    api,
    '/project-chroot/edit/:ownername/:projectname/:chrootname',
    {
      PUT: inProject(
        {
          summary: 'Change a project’s settings for a chroot; omitted fields keep their values',
          access: 'edit',
          scope: 'edit',
          body: EditProjectChroot,
          file: 'upload_comps',
          answer: ProjectChrootAnswer,
        },
        async (c, { user, project }) => {
          const chroot = await requireProjectChroot(db, project, pathPart(c, 'chrootname'))
          const { form, file } = await readFormWithFile(c, 'upload_comps', MAX_COMPS_BYTES)
          await changeChroot(frontend, { user, project, chroot, form, file })
          const changed = await requireProjectChroot(db, project, chroot.name)
          return c.json(presentProjectChroot(project, changed, now()))
        },
      ),
    },
    { POST: 'PUT' },
  )

  async function find(c: Context): Promise<{ project: Project; chroot: ProjectChroot }> {
    const owner = requiredQuery(c, 'ownername')
    const name = requiredQuery(c, 'projectname')
    const chrootname = requiredQuery(c, 'chrootname')
    const project = await requireProject(db, owner, name)
    return { project, chroot: await requireProjectChroot(db, project, chrootname) }
  }
}

function presentProjectChroot(
  project: Project,
  chroot: ProjectChroot,
  now: Date,
): ProjectChrootAnswer {
  return {
    mock_chroot: chroot.name,
    ownername: project.ownername,
    projectname: project.name,
    comps_name: chroot.comps_name,
    additional_repos: chroot.additional_repos,
    additional_packages: chroot.additional_packages,
    additional_modules: chroot.additional_modules,
    with_opts: chroot.with_opts,
    without_opts: chroot.without_opts,
    isolation: chroot.isolation,
    delete_after_days: daysUntil(chroot.delete_after, now),
  }
}
