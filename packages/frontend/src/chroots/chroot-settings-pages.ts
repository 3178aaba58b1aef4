import { CHROOT_BOOTSTRAPS, CHROOT_ISOLATIONS } from '@copr/contract/api/chroots'
import { MAX_COMPS_BYTES } from '@copr/domain/projects/comps'
import type { ProjectChroot } from '@copr/domain/projects/project-chroots'
import type { Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import { requireProjectChroot } from '../api/find-or-404.ts'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { type Form, readFormWithFile } from '../http/read-form.ts'
import { changeChroot } from '../projects/change-chroot.ts'
import {
  areaField,
  csrfField,
  fileField,
  flagField,
  lastOf,
  listOf,
  selectField,
  submitButton,
  textField,
} from '../pages/forms.ts'
import { alert } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { projectFrame } from '../projects/project-frame.ts'
import { projectPagesOf } from '../projects/on-project.ts'
import { checkCsrf, type View } from '../pages/view.ts'

interface Shown {
  project: Project
  chroot: ProjectChroot
  values: Form
  fault?: string
}

export function chrootSettingsPages(frontend: Frontend): Hono {
  const { db } = frontend
  const app = new Hono({ strict: false })
  const { get, postFile } = projectPagesOf(app, frontend)

  get('/edit_chroot/:chroot', 'edit', async (c, { view, project }) => {
    const chroot = await requireProjectChroot(db, project, pathPart(c, 'chroot'))
    return await show(c, view, { project, chroot, values: { ...chroot } })
  })

  postFile('/update_chroot/:chroot', 'edit', async (c, { view, project }) => {
    const { form, file } = await readFormWithFile(c, 'upload_comps', MAX_COMPS_BYTES)
    checkCsrf(c, form)
    const chroot = await requireProjectChroot(db, project, pathPart(c, 'chroot'))
    const sent: Form = { ...form, delete_comps: lastOf(form['delete_comps']) ?? 'false' }
    // The page always sends both fields. If `custom_image` is not selected, the image is left over from an earlier choice.
    if (sent['bootstrap'] !== 'custom_image') delete sent['bootstrap_image']
    try {
      await changeChroot(frontend, { user: view.user, project, chroot, form: sent, file })
      return c.redirect(paths.settings(project), 303)
    } catch (error) {
      if (error instanceof CoprError && ['invalid', 'too_large'].includes(error.kind))
        return await show(c, view, { project, chroot, values: sent, fault: error.message })
      throw error
    }
  })

  async function show(c: Context, view: View, shown: Shown): Promise<Response> {
    const { project, chroot, values, fault } = shown
    const { comps_name } = chroot
    const content = html`<div class="narrow wide">
      <h2 class="pf-v6-c-title pf-m-xl">${chroot.name}</h2>
      ${fault === undefined ? '' : alert('danger', fault)}
      <form
        class="pf-v6-c-form"
        method="post"
        enctype="multipart/form-data"
        action="${paths.updateChroot(project, chroot.name)}"
      >
        ${csrfField(view)}
        ${areaField({ name: 'additional_packages', label: 'Packages', rows: 2, help: 'Always installed in the buildroot.' }, values)}
        ${areaField({ name: 'additional_repos', label: 'Repositories', rows: 2, help: 'In addition to the project’s repositories. One URL or copr://owner/project per line.' }, values)}
        ${textField({ name: 'additional_modules', label: 'Modules', help: 'Such as nodejs:22, separated by commas. A leading ! disables a module.' }, { ...values, additional_modules: listOf(values['additional_modules']).join(',') })}
        ${areaField({ name: 'with_opts', label: 'Build with', rows: 2, help: 'Build conditions of the spec file, such as tests.' }, values)}
        ${areaField({ name: 'without_opts', label: 'Build without', rows: 2 }, values)}
        ${selectField({ name: 'bootstrap', label: 'Bootstrap' }, sameLabels(CHROOT_BOOTSTRAPS), values)}
        ${textField({ name: 'bootstrap_image', label: 'Bootstrap image', help: 'Only for custom_image.' }, values)}
        ${selectField({ name: 'isolation', label: 'Isolation' }, sameLabels(CHROOT_ISOLATIONS), values)}
        ${areaField({ name: 'build_tags', label: 'Builder tags', rows: 2, help: 'Only builders with all of these tags build in this chroot.' }, values)}
        ${fileField({ name: 'upload_comps', label: 'Package groups', accept: '.xml', help: 'A comps.xml file; dnf shows its groups.' })}
        ${
          comps_name === null
            ? ''
            : html`<p>
                  Current file: <a href="${paths.comps(project, chroot.name)}">${comps_name}</a>
                </p>
                ${flagField({ name: 'delete_comps', label: 'Current file', text: 'Remove it' }, values)}`
        }
        ${submitButton('Save')}
      </form>
    </div>`
    const trail: [string, string?][] = [['Settings', paths.settings(project)], [chroot.name]]
    const frame = { tab: 'settings' as const, title: chroot.name, content, trail }
    return c.html(await projectFrame(view, project, frame), fault === undefined ? 200 : 400)
  }
  return app
}

function sameLabels(values: readonly string[]): [value: string, label: string][] {
  return values.map((value) => [value, value])
}
