import { isBeingFilled } from '@copr/domain/projects/fork-project'
import { findProjectById, type Project } from '@copr/domain/projects/project-queries'
import { regenerateRepositories } from '@copr/domain/projects/regenerate-repositories'
import { groupsOfUser } from '@copr/domain/groups/group-queries'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import type { Form } from '../http/read-form.ts'
import { copyProject } from './copy-project.ts'
import { csrfField, selectField, submitButton, textField } from '../pages/forms.ts'
import { alert } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { projectFrame } from './project-frame.ts'
import { projectPagesOf } from './on-project.ts'
import type { Html, View } from '../pages/view.ts'

export function forkPages(frontend: Frontend): Hono {
  const { db, now } = frontend
  const app = new Hono({ strict: false })
  const { get, post } = projectPagesOf(app, frontend)

  get('/fork', 'user', async (c, { view, project: source }) => {
    return await show(c, view, source, { name: source.name, ownername: view.user.username })
  })

  post('/fork', 'user', async (c, { view, project: source, form }) => {
    try {
      const project = await copyProject(frontend, { user: view.user, source, form })
      return c.redirect(paths.project(project), 303)
    } catch (error) {
      if (!(error instanceof CoprError) || !['invalid', 'over_quota'].includes(error.kind))
        throw error
      return await show(c, view, source, form, error.message)
    }
  })

  post('/createrepo', 'edit', async (c, { view, project }) => {
    await regenerateRepositories(db, view.user, project, now())
    return c.redirect(paths.project(project), 303)
  })

  async function show(
    c: Context,
    view: View,
    source: Project,
    form: Form,
    fault?: string,
  ): Promise<Response> {
    const groups = await groupsOfUser(db, view.user?.id ?? 0)
    const owners = [view.user?.username ?? '', ...groups.map(({ name }) => `@${name}`)]
    const content = html`<div class="narrow wide">
      <p class="lead">
        The fork has the settings, chroots and packages of ${source.ownername}/${source.name}, and
        the latest build of each package. These builds keep the signatures of the original project;
        the fork’s key file contains both keys.
      </p>
      ${fault ? alert('danger', fault) : ''}
      <form class="pf-v6-c-form" method="post" action="${paths.fork(source)}">
        ${csrfField(view)}
        ${selectField(
          { name: 'ownername', label: 'Owner' },
          owners.map((owner) => [owner, owner] as const),
          form,
        )}
        ${textField({ name: 'name', label: 'Name', required: true }, form)}
        <label class="check">
          <input type="checkbox" name="confirm" value="true" />
          <span>If a project with this name exists, copy into it</span>
        </label>
        ${submitButton('Fork')}
      </form>
    </div>`
    const frame = { tab: undefined, title: 'Fork', content, trail: [['Fork']] as [string][] }
    return c.html(await projectFrame(view, source, frame), fault ? 400 : 200)
  }
  return app
}

/** Shows the source of a fork, and whether its builds are still being copied. */
export async function forkNotice({ frontend }: View, project: Project): Promise<Html> {
  const { db } = frontend
  const origin =
    project.forked_from === null ? undefined : await findProjectById(db, project.forked_from)
  const from = origin
    ? html`<p class="quiet">
        Forked from <a href="${paths.project(origin)}">${origin.ownername}/${origin.name}</a>
      </p>`
    : html``
  const filling = (await isBeingFilled(db, project.id))
    ? alert('info', 'The latest builds are still being copied into this fork')
    : html``
  return html`${filling} ${from}`
}
