import { type AuditEntry, type AuditFilter, listAudit } from '@copr/domain/audit/audit-queries'
import { CoprError } from '@copr/process/errors'
import { Hono } from 'hono'
import { html } from 'hono/html'
import { requireProject } from '../api/find-or-404.ts'
import type { Frontend } from '../frontend.ts'
import { accountFrame } from '../users/account-frame.ts'
import { submitButton, textField } from '../pages/forms.ts'
import { breadcrumbs, heading, layout } from '../pages/layout.ts'
import { idOf, more } from '../pages/page-links.ts'
import { empty, table, time } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { projectFrame } from '../projects/project-frame.ts'
import { projectPagesOf } from '../projects/on-project.ts'
import { type Html, userView } from '../pages/view.ts'

const PER_PAGE = 50

/** Serves the audit logs of the site, of a project and of the user's own account, with the actor, time and reason of each change. */
export function auditPages(frontend: Frontend): Hono {
  const { db } = frontend
  const app = new Hono({ strict: false })
  const { get } = projectPagesOf(app, frontend)

  app.get('/user/audit', async (c) => {
    const view = await userView(c, frontend)
    const before = c.req.query('before')
    return await c.html(
      accountFrame(view, 'audit', await entries({ user_id: view.user.id }, { before })),
    )
  })

  app.get('/admin/audit', async (c) => {
    const view = await userView(c, frontend)
    if (!view.user.is_admin)
      throw new CoprError('forbidden', 'Only site administrators can see all changes')
    const user = (c.req.query('user') ?? '').trim()
    const project = (c.req.query('project') ?? '').trim()
    const filter = { ...(user && { actor: user }), ...(await projectFilter(project)) }
    const query = { user, project, before: c.req.query('before') }
    const body = html`${breadcrumbs([['Home', paths.home()], ['Changes']])}
      ${heading('Changes on this site')}
      <form class="pf-v6-c-form pf-m-horizontal filter" action="${paths.siteAudit()}">
        ${textField({ name: 'user', label: 'Actor', help: 'A user name, coprctl or webhook' }, { user })}
        ${textField({ name: 'project', label: 'Project', placeholder: 'OWNER/PROJECT' }, { project })}
        ${submitButton('Filter')}
      </form>
      ${await entries(filter, query)}`
    return await c.html(layout(view, 'Changes', body))
  })

  get('/audit', 'edit', async (c, { view, project }) => {
    const content = await entries({ project_id: project.id }, { before: c.req.query('before') })
    return await c.html(projectFrame(view, project, { tab: 'audit', title: 'Changes', content }))
  })

  async function projectFilter(text: string): Promise<AuditFilter> {
    if (text === '') return {}
    const slash = text.indexOf('/')
    const project = await requireProject(db, text.slice(0, slash), text.slice(slash + 1))
    return { project_id: project.id }
  }

  async function entries(
    filter: AuditFilter,
    query: Record<string, string | undefined>,
  ): Promise<Html> {
    const before_id = idOf(query['before'])
    const found = await listAudit(db, { ...filter, before_id }, PER_PAGE + 1)
    const shown = found.slice(0, PER_PAGE)
    if (shown.length === 0) return empty('No changes', html`Changes will be listed here.`)
    const next = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) if (value) next.set(name, value)
    next.set('before', String(shown.at(-1)?.id ?? 0))
    const columns = ['Time', 'Actor', 'Action', 'Object', 'Details', 'Reason']
    return html`${table('Changes', columns, shown.map(row))}
    ${more(found.length > PER_PAGE, `?${next.toString()}`)}`
  }
  return app
}

function row({ at, actor, via, action, subject, details, reason }: AuditEntry): Html[] {
  const values = Object.entries(details).map(
    ([field, value]) =>
      html`<div>${field}: ${typeof value === 'string' ? value : JSON.stringify(value)}</div>`,
  )
  return [
    time(at),
    html`${actor} <span class="quiet">(${via})</span>`,
    html`${action}`,
    html`${subject}`,
    html`${values}`,
    html`${reason ?? ''}`,
  ]
}
