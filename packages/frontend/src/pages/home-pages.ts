import { queueSize, recentBuilds } from '@copr/domain/builds/build-queries'
import { listProjects, newestProjects, type Project } from '@copr/domain/projects/project-queries'
import { searchProjects } from '@copr/domain/projects/search-projects'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import { requireOwner } from '../api/find-or-404.ts'
import { searchOf } from '../projects/project-routes.ts'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { buildTable } from '../builds/build-table.ts'
import { breadcrumbs, heading, layout } from './layout.ts'
import { plainExcerpt } from './markdown.ts'
import { idOf, more } from './page-links.ts'
import { alert, card, empty, table, time } from './parts.ts'
import { paths } from './paths.ts'
import { type Html, type View, viewOf } from './view.ts'

const ON_FRONT_PAGE = 10
const ON_LIST = 100

export function homePages(frontend: Frontend): Hono {
  const { db } = frontend
  const app = new Hono({ strict: false })

  for (const path of ['/', '/coprs'])
    app.get(path, async (c) => {
      const view = await viewOf(c, frontend)
      const builds = await recentBuilds(db, ON_FRONT_PAGE)
      const projects = await newestProjects(db, ON_FRONT_PAGE)
      const queue = await queueSize(db)
      const isMoving = builds.some(({ finished_at }) => finished_at === null)
      const body = html`${hero(view)}
        <div class="columns">
          <div id="builds" ${isMoving ? 'data-live=5' : ''}>
            ${card(
              'Recent builds',
              builds.length === 0
                ? empty('No builds yet', html`The first one will appear here.`)
                : buildTable(builds, { isOfOneProject: false }),
              html`<a class="quiet" href="${paths.status('pending')}"
                >${queue.running} running, ${queue.waiting} waiting</a
              >`,
            )}
          </div>
          ${card(
            'New projects',
            projects.length === 0
              ? empty('No projects yet', html`Log in and create the first one.`)
              : projectList(projects),
          )}
        </div>`
      return await show(c, view, 'Home', body)
    })

  app.get('/recent', async (c) => {
    const view = await viewOf(c, frontend)
    const builds = await recentBuilds(db, ON_LIST)
    const isMoving = builds.some(({ finished_at }) => finished_at === null)
    const list =
      builds.length === 0
        ? empty('No builds yet', html`The first one will appear here.`)
        : buildTable(builds, { isOfOneProject: false })
    const body = html`${heading('Recent builds')}
      <div id="builds" ${isMoving ? 'data-live=5' : ''}>${list}</div>`
    return await show(c, view, 'Recent builds', body)
  })

  app.get('/coprs/fulltext', async (c) => {
    const view = await viewOf(c, frontend)
    const text = (c.req.query('fulltext') ?? '').trim()
    // A number is taken as a build ID.
    if (/^\d+$/.test(text)) return c.redirect(`/coprs/build/${text}`, 302)
    const { found, fault } = await search(text)
    const results =
      found.length === 0
        ? empty('Nothing found', html`Try part of an owner or project name.`)
        : projectList(found)
    const body = html`${heading(`Projects matching “${text}”`)}
    ${fault ? alert('info', fault) : results}`
    return await show(c, view, 'Search', body)
  })

  async function search(text: string): Promise<{ found: Project[]; fault?: string }> {
    const page = { limit: ON_LIST, offset: 0, order: 'id' as const, descending: true }
    try {
      return { found: await searchProjects(db, searchOf(text), page) }
    } catch (error) {
      if (!(error instanceof CoprError)) throw error
      return { found: [], fault: 'Enter at least three characters' }
    }
  }

  async function ownerPage(c: Context, ownername: string): Promise<Response> {
    const view = await viewOf(c, frontend)
    await requireOwner(db, ownername)
    const page = { limit: ON_LIST + 1, offset: 0, order: 'id' as const, descending: true }
    const before_id = idOf(c.req.query('before'))
    const found = await listProjects(db, { ownername, before_id, page })
    const projects = found.slice(0, ON_LIST)
    const isOwn = view.user?.username === ownername
    const beside = isOwn
      ? html`<a class="pf-v6-c-button pf-m-primary" href="${paths.newProject(ownername)}"
          >New project</a
        >`
      : undefined
    const hint = isOwn
      ? html`Create one, then upload a source package.`
      : html`${ownername} has not created any.`
    const body = html`${breadcrumbs([['Home', paths.home()], [ownername]])}
    ${heading(ownername, beside)}
    ${projects.length === 0 ? empty('No projects yet', hint) : projectTable(projects)}
    ${more(found.length > ON_LIST, `?before=${projects.at(-1)?.id ?? 0}`)}`
    return await show(c, view, ownername, body)
  }
  app.get('/coprs/g/:group', (c) => ownerPage(c, `@${pathPart(c, 'group')}`))
  app.get('/coprs/:owner', (c) => ownerPage(c, pathPart(c, 'owner')))
  return app
}

async function show(c: Context, view: View, title: string, body: Html): Promise<Response> {
  return await c.html(layout(view, title, body))
}

function hero({ user, frontend }: View): Html {
  const next = user
    ? html`<a class="pf-v6-c-button pf-m-primary" href="${paths.newProject(user.username)}"
          >New project</a
        >
        <a class="pf-v6-c-button pf-m-secondary" href="${paths.owner(user.username)}"
          >My projects</a
        >
        <a class="pf-v6-c-button pf-m-link" href="${paths.api()}">Use copr-cli</a>`
    : html`<a class="pf-v6-c-button pf-m-primary" href="${paths.login('/')}">Log in to start</a>`
  return html`<section class="hero">
    <h1 class="pf-v6-c-title pf-m-3xl">Build packages. Publish repositories.</h1>
    <p class="lead">
      ${frontend.config.site_name} builds your source packages in clean chroots, signs the results,
      and publishes them in dnf repositories.
    </p>
    <ol class="begin">
      <li><strong>Create a project</strong> and choose the distributions to build for.</li>
      <li><strong>Submit a source package</strong>: upload it here, or use copr-cli.</li>
      <li><strong>Install the packages</strong> with <code>dnf copr enable</code>.</li>
    </ol>
    <div class="actions">${next}</div>
  </section>`
}

function projectList(projects: Project[]): Html {
  return html`<ul class="projects">
    ${projects.map(
      (project) =>
        html`<li>
          <a href="${paths.project(project)}">${project.ownername}/${project.name}</a>
          <p class="quiet clip">${plainExcerpt(project.description) || 'No description'}</p>
        </li>`,
    )}
  </ul>`
}

function projectTable(projects: Project[]): Html {
  return table(
    'Projects',
    ['Project', 'Description', 'Created'],
    projects.map((project) => [
      html`<a href="${paths.project(project)}">${project.name}</a>`,
      html`<span class="clip">${plainExcerpt(project.description)}</span>`,
      time(project.created_at),
    ]),
  )
}
