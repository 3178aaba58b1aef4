import { findBuild } from '@copr/domain/builds/build-queries'
import { requireRight } from '@copr/domain/projects/project-access'
import { listEnabledChroots } from '@copr/domain/projects/project-chroots'
import type { Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import { submitUpload } from '../builds/submit-upload.ts'
import { submitUrls } from '../builds/submit-urls.ts'
import type { Frontend } from '../frontend.ts'
import { type Form, readForm } from '../http/read-form.ts'
import {
  areaField,
  checkBoxes,
  csrfField,
  fileField,
  listOf,
  submitButton,
  textField,
} from './forms.ts'
import { alert } from './parts.ts'
import { paths } from './paths.ts'
import { onProject, projectFrame, projectOfPage } from './project-frame.ts'
import { checkCsrf, type Html, userView, type View } from './view.ts'

type Kind = 'upload' | 'url'

export function submitPages(frontend: Frontend): Hono {
  const app = new Hono({ strict: false })

  for (const [rest, kind] of [
    ['/add_build_upload', 'upload'],
    ['/add_build', 'url'],
  ] as const) {
    onProject(app, 'get', rest, async (c, ownername) => {
      const view = await userView(c, frontend)
      const project = await projectOfPage(c, frontend, ownername)
      await requireRight(frontend.db, view.user, project, 'build')
      return await show(c, { view, project, kind })
    })

    onProject(app, 'post', rest, async (c, ownername) => {
      const view = await userView(c, frontend)
      const project = await projectOfPage(c, frontend, ownername)
      let form: Form = {}
      const complete = (sent: Form): Form => {
        form = sent
        checkCsrf(c, sent)
        return { ...sent, ownername, projectname: project.name }
      }
      try {
        const id =
          kind === 'upload'
            ? await submitUpload(c, frontend, view.user, complete)
            : (await submitUrls(frontend, view.user, complete(await readForm(c)))).at(-1)
        const build = await findBuild(frontend.db, id ?? 0)
        return c.redirect(build ? paths.build(build) : paths.builds(project), 303)
      } catch (error) {
        if (error instanceof CoprError && ['invalid', 'too_large'].includes(error.kind))
          return await show(c, { view, project, kind, failed: { form, message: error.message } })
        throw error
      }
    })
  }

  async function show(c: Context, page: SubmitPage): Promise<Response> {
    const { view, project, kind, failed } = page
    const chroots = await listEnabledChroots(frontend.db, project.id)
    const wanted = listOf(failed?.form['chroots'])
    const choices = chroots.map(({ name }) => ({
      value: name,
      label: name,
      isChecked: wanted.includes(name),
    }))
    const values = failed?.form ?? {}
    const action = kind === 'upload' ? paths.buildFromUpload(project) : paths.buildFromUrl(project)
    const content = html`<div class="narrow wide">
      ${sources(project, kind)} ${failed ? alert('danger', failed.message) : ''}
      <form
        class="pf-v6-c-form"
        method="post"
        action="${action}"
        ${kind === 'upload' ? 'enctype=multipart/form-data' : ''}
      >
        ${csrfField(view)} ${kind === 'upload' ? uploadField() : urlsField(values)}
        ${checkBoxes({ name: 'chroots', label: 'Build for', help: 'None chosen: all of them.' }, choices)}
        ${textField(
          {
            name: 'timeout',
            label: 'Timeout in seconds',
            type: 'number',
            placeholder: String(frontend.config.limits.default_timeout_seconds),
          },
          values,
        )}
        ${checkBoxes({ name: 'background', label: 'Priority' }, [
          {
            value: 'true',
            label: 'In the background, after other builds',
            isChecked: values['background'] === 'true',
          },
        ])}
        ${submitButton('Build')}
      </form>
    </div>`
    const title = 'New build'
    const body = projectFrame(view, project, { tab: undefined, title, content, trail: [[title]] })
    return c.html(await body, failed ? 400 : 200)
  }
  return app
}

interface SubmitPage {
  view: View
  project: Project
  kind: Kind
  failed?: { form: Form; message: string }
}

function sources(project: Project, kind: Kind): Html {
  const link = (each: Kind, text: string, href: string) =>
    html`<a class="choice" href="${href}" ${each === kind ? 'aria-current=true' : ''}>${text}</a>`
  return html`<nav class="choices" aria-label="Source">
    ${link('upload', 'Upload a file', paths.buildFromUpload(project))}
    ${link('url', 'From URLs', paths.buildFromUrl(project))}
  </nav>`
}

function uploadField(): Html {
  return fileField({
    name: 'pkgs',
    label: 'Source package',
    required: true,
    accept: '.rpm',
    help: 'A .src.rpm file, as rpmbuild -bs makes it.',
  })
}

function urlsField(values: Form): Html {
  return areaField(
    {
      name: 'pkgs',
      label: 'URLs of source packages',
      required: true,
      placeholder: 'https://example.org/hello-2.12-1.src.rpm',
      help: 'One a line; each becomes a build.',
    },
    values,
  )
}
