import { createGroup } from '@copr/domain/groups/create-group'
import { COMMAND } from '@copr/domain/audit/actor'
import { createUser, findUser } from '@copr/domain/users/user-queries'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type IdentityProvider, startIdentityProvider } from '../testing/identity-provider.ts'
import { Browser } from '../testing/browser.ts'
import { NOW, openTestFrontend, SITE, type TestFrontend } from '../testing/test-frontend.ts'

interface Fixture extends AsyncDisposable {
  t: TestFrontend
  provider: IdentityProvider
}

async function open(more: object = {}): Promise<Fixture> {
  const provider = await startIdentityProvider(SITE)
  const oidc = {
    issuer: provider.issuer,
    ...provider.client,
    scopes: ['openid', 'profile', 'email'],
    username_claim: 'preferred_username',
    groups_claim: 'groups',
    admin_group: 'site-admins',
    label: 'Example ID',
    allow_local_login: true,
    ...more,
  }
  const t = await openTestFrontend({ oidc })
  provider.people.set('1', {
    sub: '1',
    preferred_username: 'zoe@EXAMPLE.ORG',
    email: 'zoe@example.org',
    groups: ['astronomers'],
  })
  provider.who = '1'
  return {
    t,
    provider,
    async [Symbol.asyncDispose]() {
      await t[Symbol.asyncDispose]()
      await provider[Symbol.asyncDispose]()
    },
  }
}

test('the first login creates the user, and returns to the page where it was started', async () => {
  await using fixture = await open()
  const { t } = fixture
  const browser = new Browser(t)
  const page = await browser.go(`${SITE}/login/`)
  assert.match(page.text, /Log in with Example ID/)
  const { url, status } = await browser.login('/user/info/')
  assert.deepEqual([url, status], [`${SITE}/user/info/`, 200])
  const user = await findUser(t.db, 'zoe')
  assert.equal(user?.email, 'zoe@example.org')
  assert.equal(user?.is_admin, false)
  assert.deepEqual(await (await browser.whoami()).json(), { id: user?.id, name: 'zoe' })
})

test('later logins find the user by subject, and update email address, groups and the administrator role', async () => {
  await using fixture = await open()
  const { t, provider } = fixture
  const provider_group = 'astronomers'
  await createGroup(t.db, COMMAND, { name: 'orbit', provider_group, now: NOW })
  await new Browser(t).login()
  const zoe = await findUser(t.db, 'zoe')
  const json = { name: 'telescope', chroots: ['debian-12-x86_64'] }
  const addAs = async (browser: Browser, name: string): Promise<number> => {
    const body = JSON.stringify({ ...json, name })
    return (await browser.once(`${SITE}/api_3/project/add/@orbit`, { method: 'POST', body })).status
  }
  const first = new Browser(t)
  await first.login()
  assert.equal(await addAs(first, 'one'), 200)

  provider.people.set('1', {
    sub: '1',
    preferred_username: 'zoe.renamed',
    email: 'new@example.org',
    groups: ['site-admins'],
  })
  await new Browser(t).login()
  const changed = await findUser(t.db, 'zoe')
  assert.equal(changed?.id, zoe?.id)
  assert.equal(changed?.email, 'new@example.org')
  assert.equal(changed?.is_admin, true)

  provider.people.set('1', {
    sub: '1',
    preferred_username: 'zoe',
    email: 'new@example.org',
    groups: [],
  })
  const last = new Browser(t)
  await last.login()
  assert.equal((await findUser(t.db, 'zoe'))?.is_admin, false)
  assert.equal(await addAs(last, 'two'), 403)
})

test('a logout ends the session on the site and at the provider', async () => {
  await using fixture = await open()
  const { t, provider } = fixture
  const browser = new Browser(t)
  const { text } = await browser.login('/user/info/')
  const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''
  const response = await browser.once(`${SITE}/logout/`, {
    method: 'POST',
    body: new URLSearchParams({ csrf_token }),
  })
  const location = response.headers.get('location') ?? ''
  assert.ok(location.startsWith(`${provider.issuer}/session/end?`))
  const policy = response.headers.get('content-security-policy') ?? ''
  assert.ok(policy.includes(`form-action 'self' ${provider.issuer}`))
  assert.equal((await browser.whoami()).status, 401)
  const asked = await browser.go(location)
  const [, confirm = ''] = /<form[^>]*action="([^"]*session\/end\/confirm)"/.exec(asked.text) ?? []
  const [, xsrf = ''] = /name="xsrf" value="([^"]+)"/.exec(asked.text) ?? []
  assert.ok(confirm && xsrf, asked.text)
  const left = await browser.go(confirm, {
    method: 'POST',
    body: new URLSearchParams({ xsrf, logout: 'yes' }),
  })
  assert.deepEqual([left.url, left.status], [`${SITE}/`, 200])
  // The session at the provider has ended, too, so the provider shows its login page again. This time the user denies access.
  provider.who = undefined
  assert.equal((await browser.login()).status, 400)
})

test('a user who denies access at the provider sees a message, and is not logged in', async () => {
  await using fixture = await open()
  fixture.provider.who = undefined
  const browser = new Browser(fixture.t)
  const { status, text } = await browser.login()
  assert.equal(status, 400)
  assert.match(text, /The user denied access/)
  assert.equal((await browser.whoami()).status, 401)
})

test('a response of the provider is refused if no login was started, if it belongs to another login, or if it is sent twice', async () => {
  await using fixture = await open()
  const { t } = fixture
  const stranger = new Browser(t)
  assert.equal((await stranger.go(`${SITE}/oidc_auth/?code=x&state=y`)).status, 400)

  const begun = new Browser(t)
  await begun.once(`${SITE}/oidc_login/`)
  assert.equal((await begun.go(`${SITE}/oidc_auth/?code=x&state=y`)).status, 400)

  const browser = new Browser(t)
  let at = `${SITE}/oidc_login/`
  while (!at.startsWith(`${SITE}/oidc_auth/`)) {
    const response = await browser.once(at)
    at = new URL(response.headers.get('location') ?? assert.fail(), at).href
  }
  const jar = new Map(browser.cookies.get(SITE))
  assert.equal((await browser.once(at)).status, 303)
  browser.cookies.set(SITE, jar)
  assert.equal((await browser.once(at)).status, 400)
})

test('the account of a local user with the same name is not taken over', async () => {
  await using fixture = await open()
  const { t } = fixture
  await createUser(t.db, { username: 'zoe', is_admin: true, now: NOW })
  const browser = new Browser(t)
  const { status, text } = await browser.login()
  assert.equal(status, 409)
  assert.match(text, /has that name already/)
  assert.equal((await browser.whoami()).status, 401)
})

test('a blocked user and an invalid user name are refused', async () => {
  await using fixture = await open()
  const { t, provider } = fixture
  await new Browser(t).login()
  await t.db
    .updateTable('user_account')
    .set({ blocked_at: NOW })
    .where('username', '=', 'zoe')
    .execute()
  assert.equal((await new Browser(t).login()).status, 403)
  provider.people.set('2', {
    sub: '2',
    preferred_username: '../etc',
    email: 'a@example.org',
    groups: [],
  })
  provider.who = '2'
  assert.equal((await new Browser(t).login()).status, 400)
})

for (const next of ['https://evil.example.org/', '//evil.example.org/', 'javascript:alert(1)'])
  test(`next=${next} redirects to the front page`, async () => {
    await using fixture = await open()
    assert.equal((await new Browser(fixture.t).login(next)).url, `${SITE}/`)
  })

test('an unreachable provider is reported, and the site keeps working', async () => {
  await using t = await openTestFrontend({
    oidc: {
      issuer: 'http://127.0.0.1:9/',
      client_id: 'copr',
      client_secret: 'secret',
      scopes: ['openid'],
      username_claim: 'preferred_username',
      groups_claim: 'groups',
      label: 'Example ID',
      allow_local_login: false,
    },
  })
  const browser = new Browser(t)
  const { status, text } = await browser.login()
  assert.equal(status, 502)
  assert.match(text, /identity provider is unreachable/)
  assert.doesNotMatch((await browser.go(`${SITE}/login/`)).text, /name="password"/)
  assert.match((await browser.go(`${SITE}/login/?local=1`)).text, /name="password"/)
})
