import { BuildOptions } from '@copr/contract/api/builds'
import type { Build } from '@copr/domain/builds/build-queries'
import { requireRight } from '@copr/domain/projects/project-access'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import { projectOfBuild, requireBuild } from '../api/find-or-404.ts'
import { resubmitBuild, whyNotRepeatable } from './resubmit.ts'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { type Form, parseForm, readForm } from '../http/read-form.ts'
import { withoutOpenOptions } from './build-option-fields.ts'
import { paths } from '../pages/paths.ts'
import { onProject } from '../projects/project-frame.ts'
import { showSubmitForm } from './submit-form.ts'
import { checkCsrf, userView } from '../pages/view.ts'

/** A build once more: the same source, with the options of the first one until they are changed. */
export function repeatPages(frontend: Frontend): Hono {
  const { db } = frontend
  const app = new Hono({ strict: false })

  onProject(app, 'get', '/repeat_build/:id{[0-9]+}', async (c) => {
    const build = await requireBuild(db, Number(pathPart(c, 'id')))
    const chroot = c.req.query('chroot')
    const values = { ...optionsOf(build), ...(chroot ? { chroots: [chroot] } : {}) }
    return await show(c, build, values, whyNotRepeatable(build))
  })

  onProject(app, 'post', '/new_build_rebuild/:id{[0-9]+}', async (c) => {
    const view = await userView(c, frontend)
    const form = await readForm(c)
    checkCsrf(c, form)
    const build = await requireBuild(db, Number(pathPart(c, 'id')))
    try {
      const options = parseForm(BuildOptions, withoutOpenOptions(form))
      const id = await resubmitBuild(frontend, { build, options, user: view.user })
      return c.redirect(paths.build(await requireBuild(db, id)), 303)
    } catch (error) {
      if (error instanceof CoprError && error.kind === 'invalid')
        return await show(c, build, form, error.message)
      throw error
    }
  })

  async function show(c: Context, build: Build, values: Form, failed?: string): Promise<Response> {
    const view = await userView(c, frontend)
    const project = await projectOfBuild(db, build)
    await requireRight(db, view.user, project, 'build')
    return await showSubmitForm(c, view, {
      project,
      title: `Resubmit build ${build.id}`,
      action: paths.submitRepeated(build),
      fields: html`<p>
        ${build.package_name ?? 'The package'} is built again from the source of
        <a href="${paths.build(build)}">build ${build.id}</a>.
      </p>`,
      values,
      failed,
    })
  }
  return app
}

function optionsOf(build: Build): Form {
  return {
    chroots: build.chroots.map(({ name }) => name),
    timeout: String(build.timeout_seconds),
    background: String(build.is_background),
    enable_net: build.enable_net === null ? '' : String(build.enable_net),
    bootstrap: build.bootstrap,
    isolation: build.isolation,
    project_dirname: build.dirname === build.projectname ? '' : build.dirname,
  }
}
