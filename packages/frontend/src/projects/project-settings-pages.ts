import { listActiveChroots } from '@copr/domain/chroots/chroot-queries'
import { isOffered, listProjectChroots } from '@copr/domain/projects/project-chroots'
import type { Project } from '@copr/domain/projects/project-queries'
import { quotaOfOwner, quotaOfProject } from '@copr/domain/quotas/quota-report'
import { daysUntil } from '@copr/domain/projects/project-settings'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import type { Form } from '../http/read-form.ts'
import { changeProject } from './change-project.ts'
import { checkBoxes, csrfField, lastOf, listOf, submitButton } from '../pages/forms.ts'
import { alert, card } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { quotaCard, useText } from '../quotas/quota-card.ts'
import { projectFrame } from './project-frame.ts'
import { projectPagesOf } from './on-project.ts'
import { projectFields, PROJECT_FLAGS } from './project-fields.ts'
import type { View } from '../pages/view.ts'

export function projectSettingsPages(frontend: Frontend): Hono {
  const { db, config, now } = frontend
  const app = new Hono({ strict: false })
  const { get, post } = projectPagesOf(app, frontend)

  get('/edit', 'edit', async (c, { view, project }) => {
    const enabled = (await listProjectChroots(db, [project.id])).filter(isOffered)
    const chroots = enabled.map(({ name }) => name)
    return await show(c, view, project, { ...formOfProject(project, now()), chroots })
  })

  post('/update', 'edit', async (c, { view, project, form }) => {
    const flags = PROJECT_FLAGS.flatMap((name) => {
      const value = lastOf(form[name])
      return value === undefined ? [] : [[name, value] as const]
    })
    // Browsers send no field if no chroot is checked; the settings then have an empty list.
    const sent = { ...form, chroots: listOf(form['chroots']), ...Object.fromEntries(flags) }
    try {
      const changed = await changeProject(frontend, { user: view.user, project, form: sent })
      return c.redirect(paths.project(changed), 303)
    } catch (error) {
      if (error instanceof CoprError && ['invalid', 'conflict'].includes(error.kind))
        return await show(c, view, project, sent, error.message)
      throw error
    }
  })

  async function show(
    c: Context,
    view: View,
    project: Project,
    values: Form,
    fault?: string,
  ): Promise<Response> {
    const wanted = listOf(values['chroots'])
    const active = await listActiveChroots(db)
    const choices = active.map(({ name, comment }) => ({
      value: name,
      label: comment ? `${name} (${comment})` : name,
      isChecked: wanted.includes(name),
    }))
    const own = (await listProjectChroots(db, [project.id])).filter(isOffered)
    const quota = await quotaOfProject(db, project, config.limits)
    const { rows } = await quotaOfOwner(db, project.ownername, config.limits)
    const ofOwner = useText(rows.find(({ kind }) => kind === 'storage_bytes'))
    const note = `All projects of ${project.ownername} together use ${ofOwner}.`
    const content = html`<div class="columns">
      <div class="narrow wide">
        ${fault === undefined ? '' : alert('danger', fault)}
        <form class="pf-v6-c-form" method="post" action="${paths.updateSettings(project)}">
          ${csrfField(view)}
          ${checkBoxes(
            {
              name: 'chroots',
              label: 'Build for',
              help: 'If you remove a chroot, its builds are deleted after 7 days.',
            },
            choices,
          )}
          ${projectFields({ values, isAdmin: view.user?.is_admin ?? false })}
          ${submitButton('Save')}
        </form>
      </div>
      <div class="stack">
        ${card(
          'Chroots',
          html`<p class="help">Packages, repositories and options of one chroot:</p>
            <ul>
              ${own.map(
                ({ name }) =>
                  html`<li><a href="${paths.chrootSettings(project, name)}">${name}</a></li>`,
              )}
            </ul>`,
        )}
        ${card(
          'Events',
          html`<p class="help">
            <a href="${paths.outgoingWebhooks(project)}">Outgoing webhooks</a> send a request to
            your server when a build starts or ends.
          </p>`,
        )}
        ${quotaCard('Storage and builds', quota, note)}
      </div>
    </div>`
    const frame = { tab: 'settings' as const, title: 'Settings', content }
    return c.html(await projectFrame(view, project, frame), fault === undefined ? 200 : 400)
  }
  return app
}

function formOfProject(project: Project, now: Date): Form {
  const flags = PROJECT_FLAGS.map((name) => [name, String(project[name])] as const)
  return {
    ...project,
    ...Object.fromEntries(flags),
    repo_priority: project.repo_priority === null ? '' : String(project.repo_priority),
    delete_after_days: String(daysUntil(project.delete_after, now) ?? ''),
  }
}
