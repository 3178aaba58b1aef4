import { listActiveChroots } from '@copr/domain/chroots/chroot-queries'
import { canCreateFor } from '@copr/domain/projects/project-access'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import { requireOwner } from '../api/find-or-404.ts'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { type Form, readForm } from '../http/read-form.ts'
import { addProject, refusalToCreate } from './add-project.ts'
import {
  areaField,
  checkBoxes,
  csrfField,
  listOf,
  submitButton,
  textField,
} from '../pages/forms.ts'
import { breadcrumbs, heading, layout } from '../pages/layout.ts'
import { alert } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { checkCsrf, userView, type View } from '../pages/view.ts'

export function newProjectPages(frontend: Frontend): Hono {
  const app = new Hono({ strict: false })
  for (const [owner, prefix] of [
    ['/coprs/g/:owner', '@'],
    ['/coprs/:owner', ''],
  ] as const) {
    app.get(`${owner}/add`, async (c) => {
      const view = await userView(c, frontend)
      const ownername = `${prefix}${pathPart(c, 'owner')}`
      await requireOwner(frontend.db, ownername)
      if (!(await canCreateFor(frontend.db, view.user, ownername)))
        throw new CoprError('forbidden', refusalToCreate(view.user, ownername))
      return await show(c, view, ownername)
    })

    app.post(`${owner}/new`, async (c) => {
      const view = await userView(c, frontend)
      const ownername = `${prefix}${pathPart(c, 'owner')}`
      const form = await readForm(c)
      checkCsrf(c, form)
      try {
        const wanted = { user: view.user, ownername, readForm: async () => form }
        return c.redirect(paths.project(await addProject(frontend, wanted)), 303)
      } catch (error) {
        if (error instanceof CoprError && error.kind === 'invalid')
          return await show(c, view, ownername, { form, message: error.message })
        throw error
      }
    })
  }

  async function show(
    c: Context,
    view: View,
    ownername: string,
    failed?: { form: Form; message: string },
  ): Promise<Response> {
    const values = failed?.form ?? {}
    const wanted = listOf(values['chroots'])
    const chroots = (await listActiveChroots(frontend.db)).map(({ name, comment }) => ({
      value: name,
      label: comment ? `${name} (${comment})` : name,
      isChecked: wanted.includes(name),
    }))
    // A single chroot is preselected, because there is no choice.
    const [only] = chroots
    const offered = chroots.length === 1 && only ? [{ ...only, isChecked: true }] : chroots
    const body = html`${breadcrumbs([
        ['Home', paths.home()],
        [ownername, paths.owner(ownername)],
        ['New project'],
      ])}
      <div class="narrow wide">
        ${heading('New project')} ${failed ? alert('danger', failed.message) : ''}
        <form class="pf-v6-c-form" method="post" action="${paths.createProject(ownername)}">
          ${csrfField(view)}
          ${textField(
            {
              name: 'name',
              label: 'Name',
              required: true,
              help: 'Letters, digits, "_", "." and "-". The name cannot be changed later.',
            },
            values,
          )}
          ${checkBoxes({ name: 'chroots', label: 'Build for', required: true }, offered)}
          ${areaField({ name: 'description', label: 'Description', help: 'What the project contains, and who it is for.' }, values)}
          ${areaField({ name: 'instructions', label: 'Instructions', help: 'What users need to know.' }, values)}
          ${textField({ name: 'homepage', label: 'Home page', type: 'url', placeholder: 'https://' }, values)}
          ${areaField(
            {
              name: 'additional_repos',
              label: 'Additional repositories',
              rows: 2,
              help: 'Used during builds. One URL or copr://owner/project per line.',
            },
            values,
          )}
          ${checkBoxes({ name: 'enable_net', label: 'Network' }, [
            {
              value: 'true',
              label: 'Allow network access during builds',
              isChecked: values['enable_net'] === 'true',
            },
          ])}
          ${submitButton('Create project')}
        </form>
      </div>`
    return c.html(await layout(view, 'New project', body), failed ? 400 : 200)
  }
  return app
}
