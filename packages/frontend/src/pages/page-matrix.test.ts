import { digestOf, tablesOf } from '@copr/testkit/database-digest'
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { findForms, type PageForm } from '../testing/page-forms.ts'
import { pageName, type PageRoute, pageRoutesOf, pathOfPage } from '../testing/page-routes.ts'
import { openFixture, type Role, ROLES, type Fixture } from '../testing/fixture.ts'
import { declaredAccess, type PageAccess } from '../projects/on-project.ts'
import { pageRoutes } from './page-routes.ts'
import { fixtures } from '@copr/domain/testing/fixtures'

const USERS = ROLES.slice(1)
const BUILDERS = ['builder', 'project admin', 'owner', 'site admin'] as const
const EDITORS = ['project admin', 'owner', 'site admin'] as const
const OWNERS = ['owner', 'site admin'] as const

/**
 * The roles that each page admits. All other roles get 403 or, if anonymous, are redirected to the login. The test fails for a page that is
 * missing here.
 */
const MAY: [who: readonly Role[], pages: string][] = [
  [
    ROLES,
    `GET /
GET /static/:version/assets/fonts/:family/:file
GET /static/:version/:file
GET /tmp/:dir/:file
GET /coprs
GET /recent
GET /recent/all
GET /explore
GET /rss
GET /rss/:count
GET /rss/all
GET /login
POST /login
GET /login/link/:secret
POST /login/link/:secret
GET /api
GET /api/new
GET /backend/get-build-task/:task_id
GET /backend/get-srpm-build-task/:build_id
GET /status
GET /status/builders
GET /status/pending/all
GET /status/batches
GET /status/stats
GET /groups/g/:group/coprs
GET /groups/g/:group/coprs/:page
GET /oidc_login
GET /status/:state
GET /batches/detail/:id
GET /status/batches/detail/:id
GET /coprs/fulltext
GET /coprs/fulltext/:page
GET /coprs/:owner/:page
GET /coprs/build/:id
GET /coprs/build/:id/status_image.png
GET /coprs/build/:id/status_image.svg
GET /coprs/:owner
GET /coprs/:owner/:rest
GET /coprs/:owner/:dirname/repo/:name_release
GET /coprs/:owner/:dirname/repo/:name_release/:file
GET /coprs/:owner/:project
GET /coprs/:owner/:project/packages
GET /coprs/:owner/:project/builds
GET /coprs/:owner/:project/build/:id
GET /coprs/:owner/:project/chain/:id
GET /coprs/:owner/:project/monitor
GET /coprs/:owner/:project/monitor/detailed
GET /coprs/:owner/:project/monitor/simple
GET /coprs/:owner/:project/chroot/:chroot/comps
GET /coprs/:owner/:project/package/:package
GET /coprs/:owner/:project/package/:package/status_image/last_build.png
GET /coprs/:owner/:project/package/:package/status_image/last_build.svg`,
  ],
  [
    USERS,
    `GET /recent/my
POST /logout
POST /api/new
GET /user/info
GET /user/info/download
POST /user/password
POST /user/mail
POST /user/sessions/close
GET /user/tokens
POST /user/tokens/new
POST /user/tokens/:id/revoke
GET /user/audit
GET /groups/list/my
GET /coprs/:owner/:project/permissions
GET /coprs/:owner/:project/fork
POST /coprs/:owner/:project/fork`,
  ],
  [
    BUILDERS,
    `GET /coprs/:owner/:project/add_build
POST /coprs/:owner/:project/add_build
GET /coprs/:owner/:project/add_build_upload
POST /coprs/:owner/:project/add_build_upload
GET /coprs/:owner/:project/add_build_scm
POST /coprs/:owner/:project/add_build_scm
GET /coprs/:owner/:project/add_build_distgit
POST /coprs/:owner/:project/add_build_distgit
GET /coprs/:owner/:project/add_build_pypi
POST /coprs/:owner/:project/add_build_pypi
GET /coprs/:owner/:project/add_build_rubygems
POST /coprs/:owner/:project/add_build_rubygems
GET /coprs/:owner/:project/add_build_custom
POST /coprs/:owner/:project/add_build_custom
POST /coprs/:owner/:project/cancel_build/:id
GET /coprs/:owner/:project/repeat_build/:id
POST /coprs/:owner/:project/new_build_rebuild/:id
GET /coprs/:owner/:project/package/:package/rebuild
POST /coprs/:owner/:project/package/:package/rebuild`,
  ],
  [
    EDITORS,
    `POST /coprs/:owner/:project/delete_build/:id
GET /coprs/:owner/:project/edit
POST /coprs/:owner/:project/update
GET /coprs/:owner/:project/edit_chroot/:chroot
POST /coprs/:owner/:project/update_chroot/:chroot
POST /coprs/:owner/:project/update_permissions
GET /coprs/:owner/:project/integrations
POST /coprs/:owner/:project/integrations/new_secret
GET /coprs/:owner/:project/outgoing_webhooks
POST /coprs/:owner/:project/outgoing_webhooks/add
GET /coprs/:owner/:project/outgoing_webhooks/:webhook
POST /coprs/:owner/:project/outgoing_webhooks/:webhook/edit
POST /coprs/:owner/:project/outgoing_webhooks/:webhook/new_secret
POST /coprs/:owner/:project/outgoing_webhooks/:webhook/test
POST /coprs/:owner/:project/outgoing_webhooks/:webhook/resend/:delivery
POST /coprs/:owner/:project/outgoing_webhooks/:webhook/delete
POST /coprs/:owner/:project/integrations/webhook_settings
POST /coprs/:owner/:project/integrations/new_signing_secret
POST /coprs/:owner/:project/integrations/credentials
POST /coprs/:owner/:project/integrations/forge_tokens
POST /coprs/:owner/:project/integrations/secrets/:secret_id/delete
GET /coprs/:owner/:project/integrations/deliveries/:delivery_id
POST /coprs/:owner/:project/integrations/deliveries/:delivery_id/replay
GET /coprs/:owner/:project/package/add
GET /coprs/:owner/:project/package/add/:type
POST /coprs/:owner/:project/package/new/:type
GET /coprs/:owner/:project/package/:package/edit
GET /coprs/:owner/:project/package/:package/edit/:type
POST /coprs/:owner/:project/package/:package/edit/:type
POST /coprs/:owner/:project/package/:package/reset
POST /coprs/:owner/:project/package/:package/delete
POST /coprs/:owner/:project/createrepo
GET /coprs/:owner/:project/audit`,
  ],
  [
    OWNERS,
    `GET /coprs/:owner/add
POST /coprs/:owner/new
GET /coprs/:owner/:project/delete
POST /coprs/:owner/:project/delete`,
  ],
  [
    ['stranger', 'builder', 'project admin', 'site admin'],
    'POST /coprs/:owner/:project/permissions_applier_change',
  ],
  [['owner'], 'GET /groups/activate/:provider_group'],
  [['owner'], 'POST /groups/activate/:provider_group'],
  [['site admin'], 'GET /admin/audit'],
]
const WHO = new Map(
  MAY.flatMap(([who, pages]) => pages.split('\n').map((name) => [name, who] as const)),
)

/**
 * Routes authenticated by the secret in the URL, regardless of any session; tested in webhook-routes.test.ts and
 * malformed/webhooks.test.ts.
 */
const BY_SECRET = /^POST \/webhooks\//

/** Pages that refuse requests with a status other than 403. */
const REFUSED_WITH: Record<string, number> = {
  // The owner already has the permission.
  'POST /coprs/:owner/:project/permissions_applier_change': 400,
}

/** Expected statuses of requests that get neither a page nor a redirect in these tests. */
const OTHERWISE: Record<string, number> = {
  // The fixture has neither an upload nor this font.
  'GET /tmp/:dir/:file': 404,
  'GET /static/:version/assets/fonts/:family/:file': 404,
  // The form has no file.
  'POST /coprs/:owner/:project/add_build_upload': 400,
  // The password is wrong.
  'POST /user/password': 400,
  'POST /login': 400,
}

/** A form that ends the current session, and Copr's URL for logging in: both redirect to the login page. */
const LEAD_TO_LOGIN = ['POST /user/sessions/close', 'GET /oidc_login']

const shared = await openFixture()
after(() => shared[Symbol.asyncDispose]())
const forms = new Map<Role, PageForm[]>()
for (const role of ROLES) forms.set(role, await findForms(shared, role))
// The table login_failure is left out, because failed logins are counted even if the form is refused.
const tables = await tablesOf(shared.t.db, ['login_failure'])

for (const route of pageRoutesOf(shared)) {
  const name = pageName(route)
  if (BY_SECRET.test(name)) continue
  const title = `${route.method} ${route.path}`
  const isOfGroup = route.path.startsWith('/coprs/g/')

  test(`${title} refuses all other roles, and changes nothing`, async () => {
    const may = WHO.get(name) ?? assert.fail(`No role may use ${name}: add it to MAY`)
    const before = await digestOf(shared.t.db, tables)
    for (const role of ROLES.filter((each) => !may.includes(each))) {
      const response = await send(shared, route, role)
      const context = `${role}: ${response.status} ${(await response.text()).slice(-600)}`
      if (role !== 'anonymous') assert.equal(response.status, REFUSED_WITH[name] ?? 403, context)
      else if (name === 'POST /logout') assert.equal(response.status, 403, context)
      else {
        assert.equal(response.status, 303, context)
        assert.match(response.headers.get('location') ?? '', /^\/login\//, context)
      }
    }
    // Pages do not accept tokens, because only the API checks their scopes.
    if (!may.includes('anonymous') && name !== 'POST /logout') {
      const response = await send(shared, route, 'anonymous', shared.as('owner'))
      assert.match(response.headers.get('location') ?? '', /^\/login\//)
    }
    assert.equal(await digestOf(shared.t.db, tables), before)
  })

  test(`${title} answers the allowed roles`, async () => {
    for (const role of WHO.get(name) ?? []) {
      // The forms of a group's project are tested only with the owner and the site admin; the other roles are tested with a user's project.
      if (route.method === 'POST' && isOfGroup && !OWNERS.some((each) => each === role)) continue
      // A GET changes nothing, so it can use the shared fixture.
      await using own = route.method === 'GET' ? undefined : await openFixture()
      if (own && name.endsWith('/delete')) await endBuilds(own)
      const response = await send(own ?? shared, route, role)
      const location = response.headers.get('location') ?? ''
      const context = `${role}: ${response.status} ${location} ${(await response.text()).slice(-600)}`
      if (OTHERWISE[name] !== undefined) assert.equal(response.status, OTHERWISE[name], context)
      else assert.ok([200, 302, 303].includes(response.status), context)
      assert.equal(location.startsWith('/login/'), LEAD_TO_LOGIN.includes(name), context)
    }
  })
}

/** The roles that each access level of a page admits, unless the page's handler checks more. */
const ADMITS: Record<PageAccess, readonly Role[]> = {
  anyone: ROLES,
  user: USERS,
  build: BUILDERS,
  edit: EDITORS,
  delete: OWNERS,
}

/** The handler of this page also refuses users who already have the role. */
const ADMITS_FEWER = 'POST /coprs/:owner/:project/permissions_applier_change'

test('project pages admit exactly the roles that their access declarations name', () => {
  const declared = pageRoutes(shared.t.frontend).routes.flatMap(({ method, path, handler }) => {
    const access = declaredAccess(handler)
    const name = access && pageName({ method: method === 'POST' ? 'POST' : 'GET', path })
    return access && name !== ADMITS_FEWER ? [{ name, access }] : []
  })
  assert.ok(declared.length > 60, `${declared.length} pages declare their access`)
  for (const { name, access } of declared)
    assert.deepEqual(WHO.get(name ?? ''), ADMITS[access], `${name} declares ${access}`)
})

/** Requests a page or, for a POST route, submits its form as a browser does. */
async function send(
  fixture: Fixture,
  route: PageRoute,
  role: Role,
  more: Record<string, string> = {},
): Promise<Response> {
  const headers = { cookie: fixture.sessionOf(role), accept: 'text/html', ...more }
  const { app } = fixture.t
  if (route.method === 'GET') return await app.request(pathOfPage(fixture, route), { headers })
  const { action, isMultipart, values } = formFor(route, role)
  const body = isMultipart ? new FormData() : new URLSearchParams()
  const others: Record<string, string> = {
    csrf_token: await csrfOf(fixture, headers),
    // The form's default name is that of the forked project, which the owner of that project cannot use again.
    ...(route.path.endsWith('/fork') ? { name: 'copy' } : {}),
  }
  for (const [name, value] of values) body.append(name, others[name] ?? value)
  const path = action.replace(shared.login_secret, fixture.login_secret)
  return await app.request(path, { method: 'POST', headers, body })
}

/** Returns the form as this role sees it or, if this role does not see it, as another role does. */
function formFor(route: PageRoute, role: Role): PageForm {
  const found = [role, ...ROLES].flatMap((each) =>
    (forms.get(each) ?? []).filter((form) => form.route.path === route.path),
  )
  return found[0] ?? assert.fail(`No page has a form for POST ${route.path}`)
}

async function csrfOf(fixture: Fixture, headers: Record<string, string>): Promise<string> {
  const page = await (await fixture.t.app.request('/', { headers })).text()
  return /name="csrf_token" value="([^"]+)"/.exec(page)?.[1] ?? ''
}

/** Ends all builds, because a package or project with unfinished builds cannot be deleted. */
async function endBuilds({ t }: Fixture): Promise<void> {
  const ended = { finished_at: t.frontend.now(), state: 'failed' as const }
  await fixtures(t.db).updateTable('build').set(ended).execute()
}
