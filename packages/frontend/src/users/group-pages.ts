import { activateGroup, requireProviderGroup } from '@copr/domain/groups/create-group'
import { groupsOfUser, providerGroupsOf } from '@copr/domain/groups/group-queries'
import { quotaOfOwner } from '@copr/domain/quotas/quota-report'
import { CoprError } from '@copr/process/errors'
import { Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { readForm } from '../http/read-form.ts'
import { accountFrame } from './account-frame.ts'
import { csrfField, submitButton, textField } from '../pages/forms.ts'
import { heading, layout } from '../pages/layout.ts'
import { alert, card, empty, table } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { useText } from '../quotas/quota-card.ts'
import { checkCsrf, type Html, userView, type View } from '../pages/view.ts'

/** Serves the pages of the user's groups, and of identity provider groups that can become groups of the site. */
export function groupPages(frontend: Frontend): Hono {
  const { db, config, now } = frontend
  const app = new Hono({ strict: false })

  app.get('/groups/list/my', async (c) => {
    const view = await userView(c, frontend)
    const own = await groupsOfUser(db, view.user.id)
    const atProvider = await providerGroupsOf(db, view.user.id)
    const rows: Html[][] = []
    for (const { name, description } of own) {
      const quota = await quotaOfOwner(db, `@${name}`, config.limits)
      rows.push([
        html`<a href="${paths.owner(`@${name}`)}">@${name}</a>`,
        html`${description}`,
        html`${useText(quota.rows.find(({ kind }) => kind === 'storage_bytes'))}`,
      ])
    }
    const others = atProvider
      .filter(({ activated_as }) => activated_as === null)
      .map(({ name }): Html[] => [
        html`${name}`,
        html`<a href="${paths.activateGroup(name)}">Activate…</a>`,
      ])
    const content = html`<div class="stack">
      ${
        rows.length === 0
          ? empty('You are not in a group', html`All members of a group own its projects.`)
          : table('Groups', ['Group', 'Description', 'Storage'], rows)
      }
      ${
        others.length === 0
          ? ''
          : card('Your groups at the identity provider', table('Others', ['Group', ''], others))
      }
    </div>`
    return c.html(await accountFrame(view, 'groups', content))
  })

  app.get('/groups/activate/:provider_group', async (c) => {
    const view = await userView(c, frontend)
    const provider_group = pathPart(c, 'provider_group')
    await requireProviderGroup(db, view.user.id, provider_group)
    return c.html(await activationPage(view, provider_group))
  })

  app.post('/groups/activate/:provider_group', async (c) => {
    const view = await userView(c, frontend)
    const form = await readForm(c)
    checkCsrf(c, form)
    const provider_group = pathPart(c, 'provider_group')
    const name = typeof form['name'] === 'string' ? form['name'].trim() : ''
    try {
      await activateGroup(db, view.user, { name, provider_group, now: now() })
    } catch (error) {
      if (!(error instanceof CoprError) || !['invalid', 'conflict'].includes(error.kind))
        throw error
      return c.html(await activationPage(view, provider_group, { name, fault: error.message }), 400)
    }
    return c.redirect(paths.owner(`@${name}`), 303)
  })
  return app
}

function activationPage(
  view: View,
  provider_group: string,
  failed?: { name: string; fault: string },
): Html {
  const body = html`<div class="narrow">
    ${heading('Activate a group')} ${failed ? alert('danger', failed.fault) : ''}
    <p class="lead">
      An activated group can own projects. All members of <strong>${provider_group}</strong> at the
      identity provider will own them. The name cannot be changed later.
    </p>
    <form class="pf-v6-c-form" method="post" action="${paths.activateGroup(provider_group)}">
      ${csrfField(view)}
      ${textField({ name: 'name', label: 'Name, without the @', required: true }, { name: failed?.name ?? '' })}
      ${submitButton('Activate group')}
    </form>
  </div>`
  return layout(view, 'Activate a group', body)
}
