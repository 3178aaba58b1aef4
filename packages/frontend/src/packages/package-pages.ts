import { listBuilds } from '@copr/domain/builds/build-queries'
import { deletePackage } from '@copr/domain/packages/delete-package'
import { resetPackage } from '@copr/domain/packages/edit-package'
import { requireRight, rightsIn } from '@copr/domain/projects/project-access'
import { BuildOptions } from '@copr/contract/api/builds'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import { requirePackage, requireBuild } from '../api/find-or-404.ts'
import { submitPackage } from '../builds/submit-package.ts'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { type Form, parseForm, readForm } from '../http/read-form.ts'
import { withoutOpenOptions } from '../builds/build-option-fields.ts'
import { packageView } from './package-view.ts'
import { idOf } from '../pages/page-links.ts'
import { paths } from '../pages/paths.ts'
import { onProject, projectFrame, projectOfPage } from '../projects/project-frame.ts'
import { showSubmitForm } from '../builds/submit-form.ts'
import { checkCsrf, userView, viewOf } from '../pages/view.ts'

const PER_PAGE = 50

/** A package, and what is done with it; forms that describe one are in package-form-pages. */
export function packagePages(frontend: Frontend): Hono {
  const { db, now } = frontend
  const app = new Hono({ strict: false })

  onProject(app, 'get', '/package/:package', async (c, ownername) => {
    const view = await viewOf(c, frontend)
    const { project, pack } = await find(c, ownername)
    const filter = { package_id: pack.id, before_id: idOf(c.req.query('before')) }
    const list = await listBuilds(db, filter, { limit: PER_PAGE + 1, offset: 0, descending: true })
    const content = packageView(view, {
      project,
      pack,
      rights: await rightsIn(db, view.user, project),
      builds: list.slice(0, PER_PAGE),
      hasMore: list.length > PER_PAGE,
    })
    const trail: [string, string?][] = [['Packages', paths.packages(project)], [pack.name]]
    return await c.html(
      projectFrame(view, project, { tab: 'packages', title: pack.name, content, trail }),
    )
  })

  onProject(app, 'get', '/package/:package/rebuild', async (c, ownername) => {
    const view = await userView(c, frontend)
    const { project } = await find(c, ownername)
    await requireRight(db, view.user, project, 'build')
    return await showRebuild(c, ownername, {})
  })

  onProject(app, 'post', '/package/:package/rebuild', async (c, ownername) => {
    const { form, view } = await sent(c)
    const { project, pack } = await find(c, ownername)
    try {
      const options = parseForm(BuildOptions, withoutOpenOptions(form))
      const id = await submitPackage(frontend, { project, pack, options, by: view.user })
      return c.redirect(paths.build(await requireBuild(db, id)), 303)
    } catch (error) {
      if (error instanceof CoprError && error.kind === 'invalid')
        return await showRebuild(c, ownername, form, error.message)
      throw error
    }
  })

  onProject(app, 'post', '/package/:package/reset', async (c, ownername) => {
    const { view } = await sent(c)
    const { project, pack } = await find(c, ownername)
    await requireRight(db, view.user, project, 'edit')
    await resetPackage(db, { actor: view.user, project, name: pack.name }, now())
    return c.redirect(paths.package(project, pack.name), 303)
  })

  onProject(app, 'post', '/package/:package/delete', async (c, ownername) => {
    const { view } = await sent(c)
    const { project, pack } = await find(c, ownername)
    await requireRight(db, view.user, project, 'edit')
    await deletePackage(db, { actor: view.user, project, name: pack.name }, now())
    return c.redirect(paths.packages(project), 303)
  })

  async function find(c: Context, ownername: string) {
    const project = await projectOfPage(c, frontend, ownername)
    return { project, pack: await requirePackage(db, project, pathPart(c, 'package')) }
  }

  async function sent(c: Context) {
    const view = await userView(c, frontend)
    const form = await readForm(c)
    checkCsrf(c, form)
    return { view, form }
  }

  async function showRebuild(c: Context, ownername: string, form: Form, failed?: string) {
    const view = await userView(c, frontend)
    const { project, pack } = await find(c, ownername)
    const timeout = pack.timeout_seconds === 0 ? '' : String(pack.timeout_seconds)
    const denied = pack.chroot_denylist
    return await showSubmitForm(c, view, {
      project,
      title: `Rebuild ${pack.name}`,
      action: paths.rebuildPackage(project, pack.name),
      fields: html`<p>
        ${pack.name} is built from its stored
        source${denied === '' ? '' : `, unless chosen not in ${denied}`}.
      </p>`,
      values: { timeout, ...form },
      failed,
    })
  }
  return app
}
