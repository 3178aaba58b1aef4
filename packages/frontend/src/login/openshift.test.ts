import { createGroup } from '@copr/domain/groups/create-group'
import { COMMAND } from '@copr/domain/audit/actor'
import { createUser, findUser } from '@copr/domain/users/user-queries'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from '../testing/browser.ts'
import { type OpenshiftOauth, startOpenshiftOauth } from '../testing/openshift-oauth.ts'
import { NOW, openTestFrontend, SITE, type TestFrontend } from '../testing/test-frontend.ts'

interface Fixture extends AsyncDisposable {
  t: TestFrontend
  cluster: OpenshiftOauth
}

async function open(more: object = {}): Promise<Fixture> {
  const cluster = await startOpenshiftOauth(`${SITE}/oidc_auth/`)
  const openshift_login = {
    ...cluster.login,
    admin_group: 'site-admins',
    label: 'OpenShift',
    allow_local_login: true,
    ...more,
  }
  const t = await openTestFrontend({ openshift_login })
  cluster.who = { name: 'zoe', uid: 'uid-of-zoe', groups: ['astronomers'] }
  return {
    t,
    cluster,
    async [Symbol.asyncDispose]() {
      await t[Symbol.asyncDispose]()
      await cluster[Symbol.asyncDispose]()
    },
  }
}

/** Logs in at the cluster without following the redirect back to the site; returns the URL of that redirect. */
async function codeFor(browser: Browser): Promise<string> {
  const begun = await browser.once(`${SITE}/oidc_login/`)
  const asked = await browser.once(begun.headers.get('location') ?? assert.fail())
  return asked.headers.get('location') ?? assert.fail()
}

test('the first login with OpenShift creates the user, and uses the access token once', async () => {
  await using fixture = await open()
  const { t, cluster } = fixture
  const browser = new Browser(t)
  assert.match((await browser.go(`${SITE}/login/`)).text, /Log in with OpenShift/)
  const { url, status } = await browser.login('/user/info/')
  assert.deepEqual([url, status], [`${SITE}/user/info/`, 200])
  const user = await findUser(t.db, 'zoe')
  assert.equal(user?.email, null)
  assert.equal(user?.is_admin, false)
  assert.deepEqual(await (await browser.whoami()).json(), { id: user?.id, name: 'zoe' })
  const [used, ...more] = [...cluster.used]
  assert.deepEqual([used?.[1], more], [1, []])
  const kept = await t.db.selectFrom('session').selectAll().execute()
  assert.ok(!JSON.stringify(kept).includes(used?.[0] ?? assert.fail()))
})

test('groups of the cluster can own projects, and the next login updates the administrator role', async () => {
  await using fixture = await open()
  const { t, cluster } = fixture
  const provider_group = 'astronomers'
  await createGroup(t.db, COMMAND, { name: 'orbit', provider_group, now: NOW })
  const addAs = async (browser: Browser, name: string): Promise<number> => {
    const body = JSON.stringify({ name, chroots: ['debian-12-x86_64'] })
    return (await browser.once(`${SITE}/api_3/project/add/@orbit`, { method: 'POST', body })).status
  }
  const first = new Browser(t)
  await first.login()
  assert.equal(await addAs(first, 'one'), 200)
  assert.equal((await findUser(t.db, 'zoe'))?.is_admin, false)

  cluster.who = { name: 'zoe', uid: 'uid-of-zoe', groups: ['site-admins'] }
  await new Browser(t).login()
  assert.equal((await findUser(t.db, 'zoe'))?.is_admin, true)

  cluster.who = { name: 'zoe', uid: 'uid-of-zoe', groups: [] }
  const last = new Browser(t)
  await last.login()
  assert.equal((await findUser(t.db, 'zoe'))?.is_admin, false)
  assert.equal(await addAs(last, 'two'), 403)
})

test('groups that contain every user of the cluster are ignored', async () => {
  await using fixture = await open()
  await new Browser(fixture.t).login()
  const { provider_groups } = await fixture.t.db
    .selectFrom('user_account')
    .select('provider_groups')
    .where('username', '=', 'zoe')
    .executeTakeFirstOrThrow()
  assert.deepEqual(provider_groups, ['astronomers'])
})

for (const [name, username] of [
  ['kube:admin', 'kube_admin'],
  ['zoe@example.org', 'zoe'],
] as const)
  test(`the cluster's user ${name} is ${username} on the site`, async () => {
    await using fixture = await open()
    fixture.cluster.who = { name, uid: '', groups: [] }
    const browser = new Browser(fixture.t)
    await browser.login()
    assert.equal(((await (await browser.whoami()).json()) as { name: string }).name, username)
    await new Browser(fixture.t).login()
  })

test('the next login uses a renewed token of the service account, without a restart', async () => {
  await using fixture = await open()
  fixture.cluster.renewToken({ updatesFile: true })
  const browser = new Browser(fixture.t)
  await browser.login()
  assert.equal((await browser.whoami()).status, 200)
})

test('users keep their accounts when the address of the OAuth server changes', async () => {
  await using fixture = await open()
  await new Browser(fixture.t).login()
  const before = await findUser(fixture.t.db, 'zoe')
  fixture.cluster.issuer = 'https://login.example.org'
  const browser = new Browser(fixture.t)
  await browser.login()
  assert.deepEqual(await (await browser.whoami()).json(), { id: before?.id, name: 'zoe' })
})

interface Refusal {
  what: string
  status: number
  message: RegExp
  run: (fixture: Fixture, browser: Browser) => Promise<{ status: number; text: string }>
}

const REFUSED: Refusal[] = [
  {
    what: 'a login that the user denies',
    status: 400,
    message: /you did not allow this site to read your user name/,
    run: async ({ cluster }, browser) => {
      cluster.who = undefined
      return await browser.login()
    },
  },
  {
    what: 'a response without a login',
    status: 400,
    message: /not started in this browser, or has expired/,
    run: async (_, browser) => await browser.go(`${SITE}/oidc_auth/?code=x&state=y`),
  },
  {
    what: 'a response to another login',
    status: 400,
    message: /does not match this login\. Log in again/,
    run: async (_, browser) => {
      const back = new URL(await codeFor(browser))
      back.searchParams.set('state', 'another')
      return await browser.go(back.href)
    },
  },
  {
    what: 'an expired code',
    status: 400,
    message: /this login has expired\. Log in again/,
    run: async ({ cluster }, browser) => {
      const back = await codeFor(browser)
      cluster.expireCodes()
      return await browser.go(back)
    },
  },
  {
    what: 'a code of another user',
    status: 400,
    message: /has expired\. Log in again/,
    run: async ({ t }, browser) => {
      const other = new URL(await codeFor(new Browser(t)))
      const own = new URL(await codeFor(browser))
      own.searchParams.set('code', other.searchParams.get('code') ?? '')
      return await browser.go(own.href)
    },
  },
  {
    what: 'a revoked token of the service account',
    status: 400,
    message: /does not accept the token of system:serviceaccount:copr:login/,
    run: async ({ cluster }, browser) => {
      cluster.renewToken({ updatesFile: false })
      return await browser.login()
    },
  },
  {
    what: 'a cluster without an OAuth server',
    status: 502,
    message: /this cluster has no OAuth server/,
    run: async ({ cluster }, browser) => {
      cluster.hasServer = false
      return await browser.login()
    },
  },
  {
    what: 'the name of a local user',
    status: 409,
    message: /has that name already/,
    run: async ({ t }, browser) => {
      await createUser(t.db, { username: 'zoe', is_admin: true, now: NOW })
      return await browser.login()
    },
  },
]

for (const { what, status, message, run } of REFUSED)
  test(`${what} is refused with a readable message`, async () => {
    await using fixture = await open()
    const browser = new Browser(fixture.t)
    const answer = await run(fixture, browser)
    assert.match(answer.text, message)
    assert.equal(answer.status, status)
    assert.equal((await browser.whoami()).status, 401)
  })

test('an authorization code works only once', async () => {
  await using fixture = await open()
  const browser = new Browser(fixture.t)
  const back = await codeFor(browser)
  const jar = new Map(browser.cookies.get(SITE))
  assert.equal((await browser.once(back)).status, 303)
  browser.cookies.set(SITE, jar)
  assert.equal((await browser.once(back)).status, 400)
})

test('a missing token and an unreachable cluster are reported, and the site keeps working', async () => {
  await using t = await openTestFrontend({
    openshift_login: {
      api_url: 'https://127.0.0.1:9',
      client_id: 'system:serviceaccount:copr:login',
      client_secret_file: '/nowhere/token',
      label: 'OpenShift',
      allow_local_login: false,
    },
  })
  const browser = new Browser(t)
  const { status, text } = await browser.login()
  assert.equal(status, 502)
  assert.match(text, /the cluster is unreachable/)
  assert.doesNotMatch((await browser.go(`${SITE}/login/`)).text, /name="password"/)
  assert.match((await browser.go(`${SITE}/login/?local=1`)).text, /name="password"/)
  await using fixture = await open({ client_secret_file: '/nowhere/token' })
  const other = await new Browser(fixture.t).login()
  assert.equal(other.status, 503)
  assert.match(other.text, /no token for system:serviceaccount:copr:login yet/)
})

test('a logout ends the session on the site, and not the one at the cluster', async () => {
  await using fixture = await open()
  const browser = new Browser(fixture.t)
  const { text } = await browser.login('/user/info/')
  const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''
  const body = new URLSearchParams({ csrf_token })
  const response = await browser.once(`${SITE}/logout/`, { method: 'POST', body })
  assert.equal(response.headers.get('location'), '/')
  assert.equal((await browser.whoami()).status, 401)
})
