import { type MonitorPackage, monitorPage } from '@copr/domain/packages/monitor'
import { isOffered, listProjectChroots } from '@copr/domain/projects/project-chroots'
import { findProjectDir, type Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import { Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { more } from '../pages/page-links.ts'
import { empty, table } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { projectFrame } from '../projects/project-frame.ts'
import { projectPagesOf } from '../projects/on-project.ts'
import { stateLabel } from '../pages/state-label.ts'
import type { Html } from '../pages/view.ts'

/** Number of packages on a page; each has a cell for each chroot. */
const PER_PAGE = 40

export function monitorPages(frontend: Frontend): Hono {
  const { db } = frontend
  const app = new Hono({ strict: false })
  const { get } = projectPagesOf(app, frontend)

  for (const rest of ['/monitor', '/monitor/simple', '/monitor/detailed'])
    get(rest, 'anyone', async (c, { view, project }) => {
      const dirname = c.req.query('dirname') || project.name
      const dir = await findProjectDir(db, project.id, dirname)
      if (!dir)
        throw new CoprError(
          'not_found',
          `Project directory ${project.ownername}/${dirname} does not exist`,
        )
      const chroots = (await listProjectChroots(db, [project.id])).filter(isOffered)
      const { packages, next } = await monitorPage(db, {
        project_id: project.id,
        project_dir_id: dir.id,
        after: c.req.query('after') ?? '',
        limit: PER_PAGE,
      })
      const query = new URLSearchParams({ dirname, after: next ?? '' }).toString()
      const names = chroots.map(({ name }) => name)
      const content =
        packages.length === 0 && next === undefined
          ? empty(
              'Nothing built yet',
              html`The latest build of each package in each chroot will be shown here.`,
            )
          : html`${matrix(project, packages, names)} ${more(next !== undefined, `?${query}`)}`
      return await c.html(
        projectFrame(view, project, { tab: 'monitor', title: 'Monitor', content }),
      )
    })
  return app
}

function matrix(project: Project, packages: MonitorPackage[], chroots: string[]): Html {
  const rows = packages.map(({ name, cells }): Html[] => {
    const byChroot = new Map(cells.map((cell) => [cell.chroot, cell]))
    return [
      html`<a href="${paths.package(project, name)}">${name}</a>`,
      ...chroots.map((chroot) => {
        const cell = byChroot.get(chroot)
        if (!cell) return html`–`
        const build = {
          id: cell.build_id,
          ownername: project.ownername,
          projectname: project.name,
        }
        return html`<a class="plain" href="${paths.build(build)}">${stateLabel(cell.state)}</a>
          <span class="quiet">${cell.pkg_version ?? ''}</span>`
      }),
    ]
  })
  return html`<div class="wide-table">${table('Monitor', ['Package', ...chroots], rows)}</div>`
}
