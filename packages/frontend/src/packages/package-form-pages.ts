import { SOURCE_TYPES, type SettableSource } from '@copr/contract/api/sources'
import type { Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import { requirePackage } from '../api/find-or-404.ts'
import { fieldsOfStored, sourceType } from '../builds/source-form.ts'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import type { Form } from '../http/read-form.ts'
import { changePackage, makePackage } from './change-package.ts'
import { checkBoxes, csrfField, submitButton, textField } from '../pages/forms.ts'
import { alert } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { projectFrame } from '../projects/project-frame.ts'
import { projectPagesOf } from '../projects/on-project.ts'
import { SOURCE_FORMS, SOURCE_LABELS } from '../builds/source-fields.ts'
import type { Html, View } from '../pages/view.ts'

/** Serves the forms that add and edit packages. */
export function packageFormPages(frontend: Frontend): Hono {
  const { db } = frontend
  const app = new Hono({ strict: false })
  const { get, post } = projectPagesOf(app, frontend)

  for (const rest of ['/package/add', '/package/add/:type'])
    get(rest, 'edit', async (c, { view, project }) => {
      const type = sourceType(c.req.param('type') ?? 'scm')
      return await show(c, { view, project, type, values: {} })
    })

  post('/package/new/:type', 'edit', async (c, { view, project, form: sent }) => {
    const form = withBoxes(sent)
    const type = sourceType(pathPart(c, 'type'))
    const name = typeof form['package_name'] === 'string' ? form['package_name'].trim() : ''
    return await saved(c, { view, project, type, values: form }, async () => {
      await makePackage(frontend, view.user, { project, name, form, type })
      return name
    })
  })

  for (const rest of ['/package/:package/edit', '/package/:package/edit/:type'])
    get(rest, 'edit', async (c, { view, project }) => {
      const pack = await requirePackage(db, project, pathPart(c, 'package'))
      const type = sourceType(c.req.param('type') ?? pack.source_type)
      const values = {
        ...(type === pack.source_type ? fieldsOfStored(pack.source_json) : {}),
        webhook_rebuild: String(pack.webhook_rebuild),
        max_builds: String(pack.max_builds),
        timeout: String(pack.timeout_seconds),
        chroot_denylist: pack.chroot_denylist,
      }
      return await show(c, { view, project, type, values, name: pack.name })
    })

  post('/package/:package/edit/:type', 'edit', async (c, { view, project, form: sent }) => {
    const form = withBoxes(sent)
    const { name } = await requirePackage(db, project, pathPart(c, 'package'))
    const type = sourceType(pathPart(c, 'type'))
    return await saved(c, { view, project, type, values: form, name }, async () => {
      await changePackage(frontend, view.user, { project, name, form, type })
      return name
    })
  })

  async function saved(
    c: Context,
    page: PackageForm,
    save: () => Promise<string>,
  ): Promise<Response> {
    try {
      return c.redirect(paths.package(page.project, await save()), 303)
    } catch (error) {
      if (error instanceof CoprError && ['invalid', 'conflict'].includes(error.kind))
        return await show(c, { ...page, failed: error.message })
      throw error
    }
  }

  async function show(c: Context, page: PackageForm): Promise<Response> {
    const { view, project, type, values, name, failed } = page
    const title = name === undefined ? 'New package' : `Edit ${name}`
    const action =
      name === undefined
        ? paths.createPackage(project, type)
        : paths.editPackage(project, name, type)
    const content = html`<div class="narrow wide">
      ${types(page)} ${failed === undefined ? '' : alert('danger', failed)}
      <form class="pf-v6-c-form" method="post" action="${action}">
        ${csrfField(view)}
        ${name === undefined ? textField({ name: 'package_name', label: 'Name', required: true }, values) : ''}
        ${SOURCE_FORMS[type](values, frontend)} ${settingFields(values)}
        ${submitButton(name === undefined ? 'Add package' : 'Save')}
      </form>
    </div>`
    const trail: [string, string?][] = [['Packages', paths.packages(project)], [title]]
    const body = projectFrame(view, project, { tab: 'packages', title, content, trail })
    return c.html(await body, failed === undefined ? 200 : 400)
  }
  return app
}

/** Adds the default of the checkbox, because browsers do not send unchecked boxes. */
function withBoxes(form: Form): Form {
  return { webhook_rebuild: 'false', ...form }
}

interface PackageForm {
  view: View
  project: Project
  type: SettableSource
  values: Form
  /** The name of an existing package; undefined for a new one. */
  name?: string
  failed?: string
}

function types({ project, type, name }: PackageForm): Html {
  const href = (each: SettableSource) =>
    name === undefined ? paths.addPackage(project, each) : paths.editPackage(project, name, each)
  return html`<nav class="choices" aria-label="Source">
    ${SOURCE_TYPES.map(
      (each) =>
        html`<a class="choice" href="${href(each)}" ${each === type ? 'aria-current=true' : ''}
          >${SOURCE_LABELS[each]}</a
        >`,
    )}
  </nav>`
}

function settingFields(values: Form): Html {
  return html`${checkBoxes({ name: 'webhook_rebuild', label: 'Webhooks' }, [
    {
      value: 'true',
      label: 'Rebuild when the source changes',
      isChecked: values['webhook_rebuild'] === 'true',
    },
  ])}
  ${textField({ name: 'max_builds', label: 'Builds to keep', type: 'number', help: 'Older builds are deleted. 0 keeps all builds.' }, values)}
  ${textField({ name: 'timeout', label: 'Timeout in seconds', type: 'number', help: '0 uses the site default.' }, values)}
  ${textField({ name: 'chroot_denylist', label: 'Excluded chroots', placeholder: 'fedora-*-i386, epel-8-*', help: 'Patterns, separated by commas.' }, values)}`
}
