import { BuildOptions } from '@copr/contract/api/builds'
import type { Build } from '@copr/domain/builds/build-queries'
import type { Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import { requireBuild } from '../api/find-or-404.ts'
import { resubmitBuild, whyNotRepeatable } from './resubmit.ts'
import type { Frontend } from '../frontend.ts'
import { type Form, parseForm } from '../http/read-form.ts'
import { withoutOpenOptions } from './build-option-fields.ts'
import { paths } from '../pages/paths.ts'
import { buildPagesOf } from './on-build.ts'
import { showSubmitForm } from './submit-form.ts'
import type { View } from '../pages/view.ts'

/** Serves the page that resubmits a build: the same source, with the options of the previous build as defaults. */
export function repeatPages(frontend: Frontend): Hono {
  const { db } = frontend
  const app = new Hono({ strict: false })
  const { get, post } = buildPagesOf(app, frontend)

  get('/repeat_build/:id{[0-9]+}', 'resubmit', async (c, { view, project, build }) => {
    const chroot = c.req.query('chroot')
    const values = { ...optionsOf(build), ...(chroot ? { chroots: [chroot] } : {}) }
    return await show(c, { view, project, build, values, failed: whyNotRepeatable(build) })
  })

  post('/new_build_rebuild/:id{[0-9]+}', 'resubmit', async (c, { view, project, build, form }) => {
    try {
      const options = parseForm(BuildOptions, withoutOpenOptions(form))
      const id = await resubmitBuild(frontend, { build, project, options, user: view.user })
      return c.redirect(paths.build(await requireBuild(db, id)), 303)
    } catch (error) {
      if (error instanceof CoprError && ['invalid', 'over_quota'].includes(error.kind))
        return await show(c, { view, project, build, values: form, failed: error.message })
      throw error
    }
  })

  async function show(c: Context, page: RepeatForm): Promise<Response> {
    const { view, project, build, values, failed } = page
    return await showSubmitForm(c, view, {
      project,
      title: `Resubmit build ${build.id}`,
      action: paths.submitRepeated(build),
      fields: html`<p>
        Builds ${build.package_name ?? 'the package'} again from the source of
        <a href="${paths.build(build)}">build ${build.id}</a>.
      </p>`,
      values,
      failed,
    })
  }
  return app
}

interface RepeatForm {
  view: View
  project: Project
  build: Build
  values: Form
  failed: string | undefined
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
