import { digestOf, tablesOf } from '@copr/testkit/database-digest'
import type { TokenScope } from '@copr/contract/token-scopes'
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { urlPath } from '../api-description/route-names.ts'
import type { ApiRoute } from '../http/answer.ts'
import type { SampleRequest } from '../testing/sample-requests.ts'
import { sampleOf, sendSample } from '../testing/send-sample.ts'
import {
  LIMITED_TOKENS,
  type LimitedToken,
  openFixture,
  type Role,
  ROLES,
  type Fixture,
} from '../testing/fixture.ts'
import { buildApi } from '../api/api.ts'

/** The roles that each access level admits. */
const MAY: Record<ApiRoute['access'], readonly Role[]> = {
  anyone: ROLES,
  user: ROLES.slice(1),
  account: ROLES.slice(1),
  build: ['builder', 'project admin', 'owner', 'site admin'],
  edit: ['project admin', 'owner', 'site admin'],
  delete: ['owner', 'site admin'],
  create: ['owner', 'site admin'],
}

/** Routes that refuse requests with a status other than 403, as Copr's API does. */
const REFUSED_WITH: Record<string, number> = {
  '/build/delete/list': 400,
  '/project/fork/{ownername}/{projectname}': 400,
}

/** Expected statuses other than 200: a user cannot request a role twice, and the Kerberos login is not available. */
const OTHERWISE: Record<string, Partial<Record<Role | LimitedToken, number>>> = {
  '/project/permissions/request/{ownername}/{projectname}': {
    owner: 400,
    'project admin': 400,
    // The keys below are tokens of the project's owner.
    admin: 400,
    'all scopes': 400,
    'own project': 400,
  },
  '/gssapi_login': Object.fromEntries(ROLES.map((role) => [role, 403])),
  '/gssapi_login/web-ui': Object.fromEntries(ROLES.map((role) => [role, 302])),
}

/**
 * Routes that require additional scopes because of their effect: they grant a role to another account, or return a secret with which
 * anybody can build.
 */
const WORTH: Record<string, readonly TokenScope[]> = {
  '/project/permissions/set/{ownername}/{projectname}': ['build', 'edit'],
  '/webhook/generate/{ownername}/{projectname}': ['build'],
  '/webhook/signing-secret/{ownername}/{projectname}': ['build'],
}

/** Whether the token may use the route; a route that would grant more rights than the token has must refuse the token. */
function isEnough(token: LimitedToken, { access, scope, path }: ApiRoute): boolean {
  if (access === 'account') return false
  if (token === 'all scopes') return true
  // The sample request deletes dana/other.
  if (access === 'delete') return token === 'other project' || token === scope
  if (token === 'own project') return access !== 'create'
  if (token === 'other project') return access === 'user' && !path.includes(':projectname')
  return token === scope && WORTH[urlPath(path)] === undefined
}

/** Tables with rows that grant access to the site. */
const CREDENTIALS = ['api_token', 'session', 'login_link', 'user_account', 'group_member']

/** Refused requests change nothing, so they can share a fixture. */
const shared = await openFixture()
after(() => shared[Symbol.asyncDispose]())
const { routes } = buildApi(shared.t.frontend)
const tables = await tablesOf(shared.t.db)
// The first use of a token is recorded, so each token is used once before the digests are computed.
for (const who of [...ROLES, ...LIMITED_TOKENS])
  await shared.t.app.request('/api_3/auth-check', { headers: shared.as(who) })

for (const route of routes) {
  const path = urlPath(route.path)
  const name = `${route.method} ${path}`
  const may = MAY[route.access]

  test(`${name} refuses all other callers, and changes nothing`, async () => {
    // The sample request may change the fixture when it is prepared, so it is prepared before the digest is computed.
    await sampleOf(route, shared)
    const before = await digestOf(shared.t.db, tables)
    for (const role of ROLES.filter((each) => !may.includes(each))) {
      const response = await sendSample(route, shared, role)
      const wanted = role === 'anonymous' ? 401 : (REFUSED_WITH[path] ?? 403)
      await expectRefusal(response, wanted, role)
    }
    for (const token of route.scope === undefined ? [] : LIMITED_TOKENS) {
      if (isEnough(token, route)) continue
      const isByText = token === 'other project' && route.access !== 'create'
      const wanted = isByText ? (REFUSED_WITH[path] ?? 403) : 403
      await expectRefusal(await sendSample(route, shared, token), wanted, `a token for ${token}`)
    }
    if (route.access === 'delete')
      await expectRefusal(await sendSample(route, shared, 'other project', inTelescope), 403, name)
    assert.equal(await digestOf(shared.t.db, tables), before)
  })

  test(`${name} answers the allowed callers according to its schema`, async () => {
    const tokens = route.scope === undefined ? [] : LIMITED_TOKENS
    // A GET changes nothing, so it can use the shared fixture.
    const unchanged = route.method === 'GET' ? await digestOf(shared.t.db, tables) : undefined
    for (const who of [...may, ...tokens.filter((token) => isEnough(token, route))]) {
      await using own = unchanged === undefined ? await openFixture() : undefined
      await own?.t.app.request('/api_3/auth-check', { headers: own.as(who) })
      const before = unchanged ?? (own && (await powersOf(own, who)))
      const response = await sendSample(route, own ?? shared, who)
      const now = own ? await powersOf(own, who) : await digestOf(shared.t.db, tables)
      assert.equal(now, before, own ? `${who} has more than before` : `${who} changed something`)
      const text = await response.text()
      const wanted = OTHERWISE[path]?.[who] ?? 200
      assert.equal(response.status, wanted, `${who}: ${text.slice(0, 300)}`)
      if (wanted !== 200 || !response.headers.get('content-type')?.includes('json')) continue
      const parsed = route.answer.safeParse(JSON.parse(text))
      assert.ok(parsed.success, `${who}: ${String(parsed.error)}`)
      // python-copr treats any body with this key as a failure.
      assert.ok(!('error' in (JSON.parse(text) as object)))
    }
  })
}

/**
 * Returns a digest of the data on which the powers of a limited token depend; a request with the token must not extend these powers. Empty
 * if the caller does not use a limited token.
 */
async function powersOf(fixture: Fixture, who: Role | LimitedToken): Promise<string> {
  const { db } = fixture.t
  if (!LIMITED_TOKENS.some((each) => each === who)) return ''
  const credentials = await digestOf(db, CREDENTIALS)
  if (who !== 'own project' && who !== 'other project') return credentials
  const others = await db
    .selectFrom('project')
    .leftJoin('project_permission', 'project_permission.project_id', 'project.id')
    .select(['project.id', 'project.user_id', 'webhook_secret', 'deleted_at'])
    .select(['project_permission.user_id as of', 'admin', 'builder'])
    .where('project.name', '!=', who === 'own project' ? 'telescope' : 'other')
    .orderBy('project.id')
    .execute()
  return `${credentials} ${JSON.stringify(others)}`
}

/** Changes a sample that deletes dana/other so that it deletes dana/telescope, which the token `other project` must not delete. */
function inTelescope(sample: SampleRequest): SampleRequest {
  const { projectname, ...path } = sample.path ?? {}
  return projectname === 'other' ? { ...sample, path } : sample
}

async function expectRefusal(response: Response, status: number, who: string): Promise<void> {
  const text = await response.text()
  assert.equal(response.status, status, `${who}: ${text.slice(0, 300)}`)
  const { error } = JSON.parse(text) as { error?: unknown }
  assert.ok(typeof error === 'string' && error.length > 0, who)
}
