import { listBuilds } from '@copr/domain/builds/build-queries'
import { deletePackage } from '@copr/domain/packages/delete-package'
import { resetPackage } from '@copr/domain/packages/edit-package'
import type { Package } from '@copr/domain/packages/package-queries'
import { rightsIn } from '@copr/domain/projects/project-access'
import type { Project } from '@copr/domain/projects/project-queries'
import { BuildOptions } from '@copr/contract/api/builds'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import { requirePackage, requireBuild } from '../api/find-or-404.ts'
import { submitPackage } from '../builds/submit-package.ts'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { type Form, parseForm } from '../http/read-form.ts'
import { withoutOpenOptions } from '../builds/build-option-fields.ts'
import { packageView } from './package-view.ts'
import { idOf } from '../pages/page-links.ts'
import { paths } from '../pages/paths.ts'
import { projectFrame } from '../projects/project-frame.ts'
import { projectPagesOf } from '../projects/on-project.ts'
import { showSubmitForm } from '../builds/submit-form.ts'
import type { View } from '../pages/view.ts'

const PER_PAGE = 50

/** Serves the pages of packages and the actions on them; the forms that add and edit packages are in package-form-pages. */
export function packagePages(frontend: Frontend): Hono {
  const { db, now } = frontend
  const app = new Hono({ strict: false })
  const { get, post } = projectPagesOf(app, frontend)

  get('/package/:package', 'anyone', async (c, { view, project }) => {
    const pack = await packageIn(c, project)
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

  get('/package/:package/rebuild', 'build', async (c, { view, project }) => {
    const pack = await packageIn(c, project)
    return await showRebuild(c, { view, project, pack, form: {} })
  })

  post('/package/:package/rebuild', 'build', async (c, { view, project, form }) => {
    const pack = await packageIn(c, project)
    try {
      const options = parseForm(BuildOptions, withoutOpenOptions(form))
      const id = await submitPackage(frontend, { project, pack, options, by: view.user })
      return c.redirect(paths.build(await requireBuild(db, id)), 303)
    } catch (error) {
      if (error instanceof CoprError && ['invalid', 'over_quota'].includes(error.kind))
        return await showRebuild(c, { view, project, pack, form, failed: error.message })
      throw error
    }
  })

  post('/package/:package/reset', 'edit', async (c, { view, project }) => {
    const pack = await packageIn(c, project)
    await resetPackage(db, { actor: view.user, project, name: pack.name }, now())
    return c.redirect(paths.package(project, pack.name), 303)
  })

  post('/package/:package/delete', 'edit', async (c, { view, project }) => {
    const pack = await packageIn(c, project)
    await deletePackage(db, { actor: view.user, project, name: pack.name }, now())
    return c.redirect(paths.packages(project), 303)
  })

  async function packageIn(c: Context, project: Project): Promise<Package> {
    return await requirePackage(db, project, pathPart(c, 'package'))
  }

  async function showRebuild(
    c: Context,
    { view, project, pack, form, failed }: RebuildForm,
  ): Promise<Response> {
    const timeout = pack.timeout_seconds === 0 ? '' : String(pack.timeout_seconds)
    const denied = pack.chroot_denylist
    return await showSubmitForm(c, view, {
      project,
      title: `Rebuild ${pack.name}`,
      action: paths.rebuildPackage(project, pack.name),
      fields: html`<p>
        Builds ${pack.name} from its stored
        source${denied === '' ? '' : `; in ${denied} only if you choose those chroots`}.
      </p>`,
      values: { timeout, ...form },
      failed,
    })
  }
  return app
}

interface RebuildForm {
  view: View
  project: Project
  pack: Package
  form: Form
  failed?: string
}
