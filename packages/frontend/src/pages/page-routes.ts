import { CoprError } from '@copr/process/errors'
import { Hono } from 'hono'
import type { Frontend } from '../frontend.ts'
import { loginProvider } from '../login/login-provider.ts'
import { providerPages } from '../login/provider-pages.ts'
import { accountPages } from '../users/account-pages.ts'
import { apiTokenPages } from '../users/api-token-pages.ts'
import { auditPages } from '../audit/audit-pages.ts'
import { batchPages } from '../builds/batch-pages.ts'
import { buildPages } from '../builds/build-pages.ts'
import { chainPages } from '../chains/chain-pages.ts'
import { chrootSettingsPages } from '../chroots/chroot-settings-pages.ts'
import { compsPages } from '../projects/comps-pages.ts'
import { forkPages } from '../projects/fork-pages.ts'
import { groupPages } from '../users/group-pages.ts'
import { homePages } from './home-pages.ts'
import { loginPages } from '../login/login-pages.ts'
import { packageFormPages } from '../packages/package-form-pages.ts'
import { packagePages } from '../packages/package-pages.ts'
import { paths } from './paths.ts'
import { integrationPages } from '../webhooks/integration-pages.ts'
import { monitorPages } from '../packages/monitor-pages.ts'
import { newProjectPages } from '../projects/new-project-pages.ts'
import { outgoingWebhookPages } from '../outgoing-webhooks/outgoing-webhook-pages.ts'
import { permissionPages } from '../permissions/permission-pages.ts'
import { projectPages } from '../projects/project-pages.ts'
import { repeatPages } from '../builds/repeat-pages.ts'
import { projectSettingsPages } from '../projects/project-settings-pages.ts'
import { statusPages } from '../status/status-pages.ts'
import { submitPages } from '../builds/submit-pages.ts'
import { tokenPages } from '../users/token-pages.ts'
import { isFromAnotherSite } from '../http/same-origin.ts'
import { movedPages } from './moved-pages.ts'
import { loginUrl, LoginNeeded } from './view.ts'

/** The order matters for paths that also match a user's or a project's name. */
const PARTS = [
  movedPages,
  apiTokenPages,
  accountPages,
  tokenPages,
  auditPages,
  newProjectPages,
  groupPages,
  homePages,
  statusPages,
  batchPages,
  buildPages,
  chainPages,
  submitPages,
  compsPages,
  chrootSettingsPages,
  projectSettingsPages,
  monitorPages,
  permissionPages,
  integrationPages,
  outgoingWebhookPages,
  packageFormPages,
  packagePages,
  repeatPages,
  forkPages,
  projectPages,
]

export function pageRoutes(frontend: Frontend): Hono {
  const app = new Hono({ strict: false })
  app.use(async (c, next) => {
    // Forms from other sites are refused, including the login form, which has no session and no CSRF token yet.
    if (c.req.method === 'POST' && isFromAnotherSite(c, frontend))
      throw new CoprError('forbidden', 'Cannot accept the form: it was sent from another site')
    await next()
    if (!c.res.headers.has('Cache-Control')) c.header('Cache-Control', 'private, no-cache')
  })
  // Redirects `@GROUP/PROJECT`, the form in which dnf users write a project, to the page of the project or group.
  app.get('/coprs/:owner{@[^/]+}/:rest{.*}', (c) => {
    const { owner, rest } = c.req.param()
    return c.redirect(`${paths.owner(owner)}${rest ? `${rest}/` : ''}`, 302)
  })
  const provider = loginProvider(frontend.config)
  if (provider) app.route('/', providerPages(frontend, provider))
  app.route('/', loginPages(frontend, provider))
  for (const part of PARTS) app.route('/', part(frontend))
  app.onError((error, c) => {
    if (error instanceof LoginNeeded) return c.redirect(loginUrl(c), 303)
    throw error
  })
  return app
}
