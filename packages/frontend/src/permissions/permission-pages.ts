import { PERMISSION_NUMBER, type PermissionState } from '@copr/contract/states'
import {
  listPermissions,
  type Permission,
  type PermissionRole,
  requestPermissions,
  ROLES,
  setPermissions,
} from '@copr/domain/permissions/permissions'
import { rightsIn } from '@copr/domain/projects/project-access'
import type { Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import { Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import type { Form } from '../http/read-form.ts'
import { csrfField, submitButton, textField } from '../pages/forms.ts'
import { alert, card, empty, table } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { projectFrame } from '../projects/project-frame.ts'
import { projectPagesOf } from '../projects/on-project.ts'
import type { Html, View } from '../pages/view.ts'

const STATES = Object.keys(PERMISSION_NUMBER) as PermissionState[]
const STATE_LABELS: Record<PermissionState, string> = {
  nothing: 'no',
  request: 'requested',
  approved: 'yes',
}
const ALLOWS: Record<PermissionRole, string> = {
  builder: 'can submit and cancel builds',
  admin: 'can also change settings, packages and permissions',
}

export function permissionPages(frontend: Frontend): Hono {
  const { db, now } = frontend
  const app = new Hono({ strict: false })
  const { get, post } = projectPagesOf(app, frontend)

  get('/permissions', 'user', async (c, { view, project }) => {
    const { edit } = await rightsIn(db, view.user, project)
    const all = await listPermissions(db, project.id)
    const own = all.find(({ username }) => username === view.user.username)
    const isOwner = view.user.username === project.ownername || view.user.id === project.user_id
    const content = html`<div class="columns">
      ${edit ? card('Users', html`${people(view, project, all)} ${addPerson(view, project)}`) : ''}
      ${isOwner ? '' : card('Your roles', ownRoles(view, project, own))}
      ${edit || !isOwner ? '' : alert('info', 'You own this project')}
    </div>`
    const frame = { tab: 'permissions' as const, title: 'Permissions', content }
    return await c.html(projectFrame(view, project, frame))
  })

  // Requests the roles that are checked in the form for the current user, and gives up those that are not.
  post('/permissions_applier_change', 'user', async (c, { view, project, form }) => {
    const own = (await listPermissions(db, project.id)).find(
      ({ username }) => username === view.user.username,
    )
    const roles: Partial<Record<PermissionRole, boolean>> = {}
    for (const role of ROLES) {
      const wants = form[role] !== undefined
      const has = own !== undefined && own[role] !== 'nothing'
      if (wants !== has) roles[role] = wants
    }
    await requestPermissions(db, view.user, { project, roles, now: now() })
    return c.redirect(paths.permissions(project), 303)
  })

  post('/update_permissions', 'edit', async (c, { view, project, form }) => {
    await setPermissions(db, view.user, {
      project,
      wanted: { [nameIn(form)]: rolesIn(form) },
      now: now(),
    })
    return c.redirect(paths.permissions(project), 303)
  })
  return app
}

function nameIn(form: Form): string {
  const { username } = form
  if (typeof username !== 'string' || username.trim() === '')
    throw new CoprError('invalid', 'username: is required')
  return username.trim()
}

function rolesIn(form: Form): Partial<Record<PermissionRole, PermissionState>> {
  return Object.fromEntries(
    ROLES.flatMap((role) => {
      const state = STATES.find((each) => each === form[role])
      return state ? [[role, state]] : []
    }),
  )
}

function people(view: View, project: Project, all: Permission[]): Html {
  if (all.length === 0)
    return empty('No other users', html`Add a user below, or wait for a request.`)
  const rows = all.map((person): Html[] => {
    const form = `roles-${person.username}`
    return [
      html`<a href="${paths.owner(person.username)}">${person.username}</a>`,
      ...ROLES.map((role) => choice(form, role, person[role])),
      html`<form id="${form}" method="post" action="${paths.updatePermissions(project)}">
        ${csrfField(view)}
        <input type="hidden" name="username" value="${person.username}" />
        <button class="pf-v6-c-button pf-m-secondary pf-m-small" type="submit">Save</button>
      </form>`,
    ]
  })
  return table('Users', ['User', 'Admin', 'Builder', ''], rows)
}

function choice(form: string, role: PermissionRole, current: PermissionState): Html {
  return html`<select name="${role}" form="${form}" aria-label="${role}">
    ${STATES.map(
      (state) =>
        html`<option value="${state}" ${state === current ? 'selected' : ''}>
          ${STATE_LABELS[state]}
        </option>`,
    )}
  </select>`
}

function addPerson(view: View, project: Project): Html {
  return html`<form class="pf-v6-c-form" method="post" action="${paths.updatePermissions(project)}">
    ${csrfField(view)} ${textField({ name: 'username', label: 'User name', required: true })}
    <p>
      ${ROLES.toReversed().map(
        (role) =>
          html`<label class="check">
            <input type="checkbox" name="${role}" value="approved" />
            <span>${role}: ${ALLOWS[role]}</span>
          </label>`,
      )}
    </p>
    ${submitButton('Add')}
  </form>`
}

function ownRoles(view: View, project: Project, own: Permission | undefined): Html {
  return html`<form
    class="pf-v6-c-form"
    method="post"
    action="${paths.requestPermissions(project)}"
  >
    ${csrfField(view)}
    <p class="help">Request a role, or give one up. The project’s admins decide.</p>
    <p>
      ${ROLES.toReversed().map((role) => {
        const state = own?.[role] ?? 'nothing'
        return html`<label class="check">
          <input
            type="checkbox"
            name="${role}"
            value="yes"
            ${state === 'nothing' ? '' : 'checked'}
          />
          <span
            >${role}: ${ALLOWS[role]} ${state === 'request' ? html`<em>(requested)</em>` : ''}
            ${state === 'approved' ? html`<em>(approved)</em>` : ''}</span
          >
        </label>`
      })}
    </p>
    ${submitButton('Save')}
  </form>`
}
