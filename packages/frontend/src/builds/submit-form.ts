import { listEnabledChroots } from '@copr/domain/projects/project-chroots'
import type { Project } from '@copr/domain/projects/project-queries'
import type { Context } from 'hono'
import { html } from 'hono/html'
import type { Form } from '../http/read-form.ts'
import { buildOptionFields } from './build-option-fields.ts'
import { csrfField, submitButton } from '../pages/forms.ts'
import { alert } from '../pages/parts.ts'
import { projectFrame } from '../projects/project-frame.ts'
import type { Html, View } from '../pages/view.ts'

export interface SubmitForm {
  project: Project
  title: string
  action: string
  /** The fields above the build options. */
  fields: Html
  above?: Html
  values: Form
  /** The error message for the submitted form. */
  failed?: string | undefined
  isUpload?: boolean
}

/** Renders the form for a new build. */
export async function showSubmitForm(
  c: Context,
  view: View,
  { project, title, action, fields, above, values, failed, isUpload = false }: SubmitForm,
): Promise<Response> {
  const chroots = await listEnabledChroots(view.frontend.db, project.id)
  const content = html`<div class="narrow wide">
    ${above ?? ''} ${failed === undefined ? '' : alert('danger', failed)}
    <form
      class="pf-v6-c-form"
      method="post"
      action="${action}"
      ${isUpload ? 'enctype=multipart/form-data' : ''}
    >
      ${csrfField(view)} ${fields} ${buildOptionFields(view, chroots, values)}
      ${submitButton('Build')}
    </form>
  </div>`
  const body = projectFrame(view, project, { tab: undefined, title, content, trail: [[title]] })
  return c.html(await body, failed === undefined ? 200 : 400)
}
