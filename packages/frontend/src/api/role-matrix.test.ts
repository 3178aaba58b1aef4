import { digestOf, tablesOf } from '@copr/testkit/database-digest'
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { urlPath } from '../api-description/route-names.ts'
import type { ApiRoute } from '../http/answer.ts'
import type { SampleRequest } from '../testing/sample-requests.ts'
import { sampleOf, sendSample } from '../testing/send-sample.ts'
import { LIMITED_TOKENS, type LimitedToken, openWorld, type Role, ROLES } from '../testing/world.ts'
import { buildApi } from './api.ts'

/** Who may, by what the route says of itself. */
const MAY: Record<ApiRoute['access'], readonly Role[]> = {
  anyone: ROLES,
  user: ROLES.slice(1),
  build: ['builder', 'project admin', 'owner', 'site admin'],
  edit: ['project admin', 'owner', 'site admin'],
  delete: ['owner', 'site admin'],
  create: ['owner', 'site admin'],
}

/** The API's contract has another status than 403 here: the text says what is wrong with each build. */
const REFUSED_WITH: Record<string, number> = {
  '/build/delete/list': 400,
  '/project/fork/{ownername}/{projectname}': 400,
}

/** Who has the role already cannot ask for it; Kerberos is offered to nobody. */
const OTHERWISE: Record<string, Partial<Record<Role | LimitedToken, number>>> = {
  '/project/permissions/request/{ownername}/{projectname}': {
    owner: 400,
    'project admin': 400,
    // A token of the owner.
    admin: 400,
  },
  '/gssapi_login': Object.fromEntries(ROLES.map((role) => [role, 403])),
  '/gssapi_login/web-ui': Object.fromEntries(ROLES.map((role) => [role, 302])),
}

/** Nothing is changed by those who are refused, so that they can share one. */
const shared = await openWorld()
after(() => shared[Symbol.asyncDispose]())
const { routes } = buildApi(shared.t.frontend)
const tables = await tablesOf(shared.t.db)
// That a token was used is noted the first time.
for (const who of [...ROLES, ...LIMITED_TOKENS])
  await shared.t.app.request('/api_3/auth-check', { headers: shared.as(who) })

for (const route of routes) {
  const path = urlPath(route.path)
  const name = `${route.method} ${path}`
  const may = MAY[route.access]

  test(`${name} refuses whom it must, and changes nothing`, async () => {
    // A sample may make its world ready first.
    await sampleOf(route, shared)
    const before = await digestOf(shared.t.db, tables)
    for (const role of ROLES.filter((each) => !may.includes(each))) {
      const response = await sendSample(route, shared, role)
      const wanted = role === 'anonymous' ? 401 : (REFUSED_WITH[path] ?? 403)
      await expectRefusal(response, wanted, role)
    }
    for (const token of route.scope === undefined ? [] : LIMITED_TOKENS)
      if (token !== 'other project' && token !== route.scope)
        await expectRefusal(await sendSample(route, shared, token), 403, `a token for ${token}`)
    if (['build', 'edit', 'delete', 'create'].includes(route.access))
      await expectRefusal(
        await sendSample(route, shared, 'other project', inTelescope),
        REFUSED_WITH[path] ?? 403,
        'a token for another project',
      )
    assert.equal(await digestOf(shared.t.db, tables), before)
  })

  test(`${name} answers whom it may, as it says`, async () => {
    const scoped = route.scope === undefined ? [] : [route.scope]
    for (const who of [...may, ...scoped]) {
      // What only reads needs no world of its own.
      await using own = route.method === 'GET' ? undefined : await openWorld()
      const response = await sendSample(route, own ?? shared, who)
      const text = await response.text()
      const wanted = OTHERWISE[path]?.[who] ?? 200
      assert.equal(response.status, wanted, `${who}: ${text.slice(0, 300)}`)
      if (wanted !== 200 || !response.headers.get('content-type')?.includes('json')) continue
      const parsed = route.answer.safeParse(JSON.parse(text))
      assert.ok(parsed.success, `${who}: ${String(parsed.error)}`)
      // python-copr takes any body with this key for a failure.
      assert.ok(!('error' in (JSON.parse(text) as object)))
    }
  })
}

/** What is deleted with success is the project that the token is for. */
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
