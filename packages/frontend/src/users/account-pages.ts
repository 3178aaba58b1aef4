import { changeOwnPassword } from '@copr/domain/users/change-user'
import { attemptSucceeded, countAttempt } from '@copr/domain/logins/login-throttle'
import { closeSessions, listSessions } from '@copr/domain/users/sessions'
import { buildsOfUser, ownData } from '@copr/domain/users/own-data'
import { setWantsMail } from '@copr/domain/outbox/mail-recipient'
import { quotaOfOwner } from '@copr/domain/quotas/quota-report'
import { type Account, findAccount } from '@copr/domain/users/user-queries'
import { CoprError, STATUS_OF } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { html } from 'hono/html'
import { stream } from 'hono/streaming'
import type { Frontend } from '../frontend.ts'
import { loginAttempt, tooMany } from '../http/attempts.ts'
import { readForm } from '../http/read-form.ts'
import { dropSessionCookie, sessionCookie } from '../http/session-cookie.ts'
import { accountFrame } from './account-frame.ts'
import {
  csrfField,
  flagField,
  lastOf,
  postButton,
  submitButton,
  textField,
} from '../pages/forms.ts'
import { alert, card, facts, table, time } from '../pages/parts.ts'
import { newPasswordFields, newPasswordOf, userNameField } from './password-fields.ts'
import { paths } from '../pages/paths.ts'
import { quotaCard } from '../quotas/quota-card.ts'
import { checkCsrf, type Html, userView, type View } from '../pages/view.ts'

type Notice = { kind: 'success' | 'danger'; text: string; status: 200 | 400 | 403 | 429 }

/** Serves the pages on which users view and change their own accounts. */
export function accountPages(frontend: Frontend): Hono {
  const { db, config, now } = frontend
  const app = new Hono({ strict: false })

  app.get('/user/info', async (c) => await show(c))

  app.get('/user/info/download', async (c) => {
    const { user } = await userView(c, frontend)
    c.header('Content-Type', 'application/json')
    c.header('Content-Disposition', `attachment; filename="${user.username}.json"`)
    const data = JSON.stringify(await ownData(db, user.id), null, 2)
    // The builds are streamed, because a user may have more of them than fit into memory.
    return stream(c, async (out) => {
      await out.write(`${data.slice(0, data.lastIndexOf('\n}'))},\n  "builds": [`)
      let isFirst = true
      for await (const build of buildsOfUser(db, user.id)) {
        await out.write(`${isFirst ? '' : ','}\n    ${JSON.stringify(build)}`)
        isFirst = false
      }
      await out.write(isFirst ? ']\n}\n' : '\n  ]\n}\n')
    })
  })

  app.post('/user/password', async (c) => {
    const view = await userView(c, frontend)
    const form = await readForm(c)
    checkCsrf(c, form)
    const { user } = view
    // Each attempt counts as a login attempt, so that nobody can guess the password in an unattended browser.
    const attempt = loginAttempt(c, frontend, user.username)
    const until = await countAttempt(db, attempt, now())
    if (until) {
      const { message, retry_after } = tooMany(until, now())
      c.header('Retry-After', String(retry_after))
      return await show(c, { kind: 'danger', text: message, status: 429 })
    }
    const old = typeof form['old_password'] === 'string' ? form['old_password'] : ''
    try {
      const fresh = newPasswordOf(form)
      await changeOwnPassword(db, user, { old, fresh, cookie: sessionCookie(c) }, now())
    } catch (error) {
      if (!(error instanceof CoprError) || STATUS_OF[error.kind] !== 400) throw error
      return await show(c, { kind: 'danger', text: error.message, status: 400 })
    }
    await attemptSucceeded(db, attempt, now())
    const text = 'Your password has been changed. You have been logged out everywhere else'
    return await show(c, { kind: 'success', text, status: 200 })
  })

  app.post('/user/mail', async (c) => {
    const view = await userView(c, frontend)
    const form = await readForm(c)
    checkCsrf(c, form)
    await setWantsMail(db, view.user.id, lastOf(form['wants_mail']) === 'true')
    return c.redirect(paths.account(), 303)
  })

  app.post('/user/sessions/close', async (c) => {
    const view = await userView(c, frontend)
    checkCsrf(c, await readForm(c))
    await closeSessions(db, view.user.id)
    dropSessionCookie(c)
    return c.redirect(paths.login(), 303)
  })

  async function show(c: Context, notice?: Notice): Promise<Response> {
    const view = await userView(c, frontend)
    const account = await findAccount(db, view.user.username)
    const sessions = await listSessions(db, view.user.id, { cookie: sessionCookie(c), now: now() })
    const quota = await quotaOfOwner(db, view.user.username, config.limits)
    const content = html`${notice ? alert(notice.kind, notice.text) : ''}
    ${account ? accountCard(account) : ''} ${account && config.mail ? mailCard(view, account) : ''}
    ${quotaCard('Storage and builds', quota, 'All your projects together; projects of a group count against the quotas of the group.')}
    ${account?.has_password ? passwordCard(view) : ''} ${sessionsCard(view, sessions)}`
    return await c.html(accountFrame(view, 'account', content), notice?.status ?? 200)
  }
  return app
}

function accountCard({ username, email, created_at, is_admin, oidc_subject }: Account): Html {
  const login = oidc_subject === null ? 'with a password' : 'with the identity provider'
  return card(
    'Account',
    html`${facts([
        ['User name', username],
        ['Email', email ?? '–'],
        ['Since', time(created_at)],
        ['Logs in', login],
        ...(is_admin ? ([['Role', 'site administrator']] as [string, string][]) : []),
      ])}
      <p class="help">
        <a href="${paths.ownData()}">Download my data</a> as JSON.
        ${is_admin ? html`<a href="${paths.siteAudit()}">All changes on this site</a>` : ''}
      </p>`,
  )
}

function mailCard(view: View, { email, wants_mail }: Account): Html {
  return card(
    'Mail',
    html`<form class="pf-v6-c-form" method="post" action="${paths.changeMail()}">
      ${csrfField(view)}
      ${flagField(
        {
          name: 'wants_mail',
          label: 'Notices',
          text: 'Mail me when someone requests a role in my projects, when my roles change, and when a webhook is disabled',
          ...(email === null ? { help: 'You get no mail, because your address is unknown.' } : {}),
        },
        { wants_mail: String(wants_mail) },
      )}
      ${submitButton('Save')}
    </form>`,
  )
}

function passwordCard(view: View): Html {
  return card(
    'Password',
    html`<form class="pf-v6-c-form" method="post" action="${paths.changePassword()}">
      ${csrfField(view)} ${userNameField(view.user?.username ?? '')}
      ${textField({
        name: 'old_password',
        label: 'Old password',
        required: true,
        type: 'password',
        autocomplete: 'current-password',
      })}
      ${newPasswordFields()} ${submitButton('Change password')}
    </form>`,
  )
}

function sessionsCard(view: View, sessions: Awaited<ReturnType<typeof listSessions>>): Html {
  const rows = sessions.map(({ created_at, expires_at, is_current }): Html[] => [
    time(created_at),
    time(expires_at),
    is_current ? html`this browser` : html`–`,
  ])
  return card(
    'Your sessions',
    html`${table('Sessions', ['Since', 'Until', ''], rows)}
    ${postButton(view, {
      action: paths.closeSessions(),
      text: 'Log out everywhere',
      confirm: 'This also logs you out here. Log out everywhere?',
    })}`,
  )
}
