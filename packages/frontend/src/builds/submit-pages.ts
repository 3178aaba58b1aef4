import { SOURCE_TYPES, type SettableSource } from '@copr/contract/api/sources'
import { findBuild } from '@copr/domain/builds/build-queries'
import type { Project } from '@copr/domain/projects/project-queries'
import type { UserActor } from '@copr/domain/audit/actor'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import { readOptions, type SentForm } from './build-request.ts'
import { readSourceForm, submitSource } from './submit-source.ts'
import { receiveSrpm, submitUpload } from './submit-upload.ts'
import { readUrls, submitUrls } from './submit-urls.ts'
import type { Frontend } from '../frontend.ts'
import type { Form } from '../http/read-form.ts'
import { withoutOpenOptions } from './build-option-fields.ts'
import { areaField, fileField, textField } from '../pages/forms.ts'
import { paths } from '../pages/paths.ts'
import { projectPagesOf } from '../projects/on-project.ts'
import { SOURCE_FORMS, SOURCE_LABELS } from './source-fields.ts'
import { showSubmitForm } from './submit-form.ts'
import { checkCsrf, type Html, type View } from '../pages/view.ts'

type Kind = 'upload' | 'url' | SettableSource

const LABELS: Record<Kind, string> = { upload: 'Upload a file', url: 'From URLs', ...SOURCE_LABELS }
const KINDS: readonly Kind[] = ['upload', 'url', ...SOURCE_TYPES]

export function submitPages(frontend: Frontend): Hono {
  const app = new Hono({ strict: false })
  const { get, post, postFile } = projectPagesOf(app, frontend)

  for (const kind of KINDS) {
    const rest = kind === 'url' ? '/add_build' : `/add_build_${kind}`
    get(rest, 'build', async (c, { view, project }) => show(c, { view, project, kind, values: {} }))

    if (kind === 'upload')
      postFile(rest, 'build', async (c, { view, project }) => {
        const page: SubmitPage = { view, project, kind, values: {} }
        return await saved(c, page, async () => {
          await using upload = await receiveSrpm(c, frontend, project)
          page.values = upload.form
          checkCsrf(c, upload.form)
          const form = withoutOpenOptions(upload.form)
          const { options } = await readOptions(frontend, { project, form })
          return await submitUpload(frontend, { user: view.user, project, options, upload })
        })
      })
    else
      post(rest, 'build', async (c, { view, project, form }) => {
        const sent = { project, form: withoutOpenOptions(form) }
        return await saved(c, { view, project, kind, values: form }, () =>
          submit(kind, view.user, sent),
        )
      })
  }

  /** Returns the id of the build, or of the last one if several were made. */
  async function submit(
    kind: Exclude<Kind, 'upload'>,
    user: UserActor,
    sent: SentForm,
  ): Promise<number | undefined> {
    const { project } = sent
    if (kind === 'url')
      return (
        await submitUrls(frontend, { user, project, ...(await readUrls(frontend, sent)) })
      ).at(-1)
    const read = await readSourceForm(frontend, { ...sent, type: kind })
    return await submitSource(frontend, { user, project, ...read })
  }

  async function saved(
    c: Context,
    page: SubmitPage,
    save: () => Promise<number | undefined>,
  ): Promise<Response> {
    const { project } = page
    try {
      const build = await findBuild(frontend.db, (await save()) ?? 0)
      return c.redirect(build ? paths.build(build) : paths.builds(project), 303)
    } catch (error) {
      if (error instanceof CoprError && ['invalid', 'too_large', 'over_quota'].includes(error.kind))
        return await show(c, { ...page, failed: error.message })
      throw error
    }
  }

  async function show(c: Context, page: SubmitPage): Promise<Response> {
    const { view, project, kind, values, failed } = page
    return await showSubmitForm(c, view, {
      project,
      title: 'New build',
      action: formPath(project, kind),
      above: sources(project, kind),
      fields: fieldsOf(frontend, kind, values),
      values,
      failed,
      isUpload: kind === 'upload',
    })
  }
  return app
}

interface SubmitPage {
  view: View
  project: Project
  kind: Kind
  values: Form
  failed?: string
}

function formPath(project: Project, kind: Kind): string {
  return kind === 'url' ? paths.buildFromUrl(project) : paths.buildFromSource(project, kind)
}

function sources(project: Project, current: Kind): Html {
  return html`<nav class="choices" aria-label="Source">
    ${KINDS.map(
      (kind) =>
        html`<a
          class="choice"
          href="${formPath(project, kind)}"
          ${kind === current ? 'aria-current=true' : ''}
          >${LABELS[kind]}</a
        >`,
    )}
  </nav>`
}

function fieldsOf(frontend: Frontend, kind: Kind, values: Form): Html {
  if (kind === 'upload') return uploadField()
  if (kind === 'url') return urlsField(values)
  const fields = SOURCE_FORMS[kind](values, frontend)
  if (kind !== 'distgit') return fields
  const name = { name: 'package_name', label: 'Package', required: true }
  return html`${textField(name, values)} ${fields}`
}

function uploadField(): Html {
  return fileField({
    name: 'pkgs',
    label: 'Source package or spec file',
    required: true,
    accept: '.rpm,.spec',
    help: 'A .src.rpm file, such as rpmbuild -bs creates, or a .spec file whose sources are all URLs.',
  })
}

function urlsField(values: Form): Html {
  return areaField(
    {
      name: 'pkgs',
      label: 'URLs of source packages or spec files',
      required: true,
      placeholder: 'https://example.org/hello-2.12-1.src.rpm',
      help: 'One URL per line. Each starts a build.',
    },
    values,
  )
}
