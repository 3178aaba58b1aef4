import { listBuilds } from '@copr/domain/builds/build-queries'
import { latestBuilds, packagesAfter } from '@copr/domain/packages/package-queries'
import { deleteProject } from '@copr/domain/projects/delete-project'
import { rightsIn } from '@copr/domain/projects/project-access'
import { isOffered, listProjectChroots } from '@copr/domain/projects/project-chroots'
import { storageOfProject } from '@copr/domain/quotas/storage-use'
import { CoprError } from '@copr/process/errors'
import { Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { buildTable } from '../builds/build-table.ts'
import { csrfField, submitButton, textField } from '../pages/forms.ts'
import { idOf, more } from '../pages/page-links.ts'
import { empty, table, time } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { projectFrame } from './project-frame.ts'
import { projectPagesOf } from './on-project.ts'
import { overview } from './project-overview.ts'
import { stateLabel } from '../pages/state-label.ts'
import { forkNotice } from './fork-pages.ts'
import type { Html } from '../pages/view.ts'

const PER_PAGE = 50

export function projectPages(frontend: Frontend): Hono {
  const { db, now } = frontend
  const app = new Hono({ strict: false })
  const { get, post } = projectPagesOf(app, frontend)

  get('', 'anyone', async (c, { view, project }) => {
    const chroots = await listProjectChroots(db, [project.id])
    const builds = await listBuilds(
      db,
      { project_id: project.id },
      { limit: 5, offset: 0, descending: true },
    )
    const { results, sources } = await storageOfProject(db, project)
    const content = overview(view, {
      project,
      chroots,
      builds,
      rights: await rightsIn(db, view.user, project),
      notice: await forkNotice(view, project),
      storage: results + sources,
    })
    return await c.html(
      projectFrame(view, project, { tab: 'overview', title: 'Overview', content }),
    )
  })

  get('/packages', 'anyone', async (c, { view, project }) => {
    const after = c.req.query('after') ?? ''
    const found = await packagesAfter(db, project.id, { after, limit: PER_PAGE + 1 })
    const packages = found.slice(0, PER_PAGE)
    const latest = await latestBuilds(db, {
      package_ids: packages.map(({ id }) => id),
      only_succeeded: false,
      main_directory_first: true,
    })
    const rows = packages.map((each): Html[] => {
      const build = latest.get(each.id)
      return [
        html`<a href="${paths.package(project, each.name)}">${each.name}</a>`,
        html`${build?.package_version ?? '–'}`,
        build ? html`<a href="${paths.build(build)}">${build.id}</a>` : html`–`,
        build ? stateLabel(build.state) : html`–`,
        time(build?.submitted_at ?? null),
      ]
    })
    const { edit } = await rightsIn(db, view.user, project)
    const add = edit
      ? html`<p class="more"><a href="${paths.addPackage(project, 'scm')}">Add a package</a></p>`
      : ''
    const content =
      rows.length === 0
        ? html`${empty('No packages yet', html`A package appears here with its first build.`)}
          ${add}`
        : html`${add}
          ${table('Packages', ['Package', 'Version', 'Build', 'State', 'Submitted'], rows)}
          ${more(found.length > PER_PAGE, `?${new URLSearchParams({ after: packages.at(-1)?.name ?? '' }).toString()}`)}`
    return await c.html(
      projectFrame(view, project, { tab: 'packages', title: 'Packages', content }),
    )
  })

  get('/builds', 'anyone', async (c, { view, project }) => {
    const filter = { project_id: project.id, before_id: idOf(c.req.query('before')) }
    const found = await listBuilds(db, filter, { limit: PER_PAGE + 1, offset: 0, descending: true })
    const builds = found.slice(0, PER_PAGE)
    const isMoving = builds.some(({ finished_at }) => finished_at === null)
    const content =
      builds.length === 0
        ? empty('No builds', html`Submit a source package to start.`)
        : html`<div id="builds" ${isMoving ? 'data-live=5' : ''}>
              ${buildTable(builds, { isOfOneProject: true })}
            </div>
            ${more(found.length > PER_PAGE, `?before=${builds.at(-1)?.id ?? 0}`)}`
    return await c.html(projectFrame(view, project, { tab: 'builds', title: 'Builds', content }))
  })

  get('/delete', 'delete', async (c, { view, project }) => {
    const chroots = (await listProjectChroots(db, [project.id])).filter(isOffered)
    const content = html`<div class="narrow wide">
      <p class="lead">
        This removes ${project.ownername}/${project.name} with all its builds and the repositories
        of ${chroots.length} ${chroots.length === 1 ? 'chroot' : 'chroots'}. Users' systems will no
        longer find them. This cannot be undone.
      </p>
      <form class="pf-v6-c-form" method="post" action="${paths.deleteProject(project)}">
        ${csrfField(view)}
        ${textField({ name: 'verify', label: `To confirm, enter the name of the project, ${project.name}`, required: true })}
        ${submitButton('Delete project', 'danger')}
      </form>
    </div>`
    const frame = { tab: undefined, title: 'Delete', content, trail: [['Delete']] as [string][] }
    return await c.html(projectFrame(view, project, frame))
  })

  post('/delete', 'delete', async (c, { view, project, form }) => {
    if (form['verify'] !== project.name)
      throw new CoprError(
        'invalid',
        `Cannot delete the project: to confirm, enter its name, ${project.name}`,
      )
    await deleteProject(db, view.user, project.id, now())
    return c.redirect(paths.owner(project.ownername), 303)
  })
  return app
}
