import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUILD_EVENT_NAMES } from '@copr/contract/events'
import { openFixture } from '../testing/fixture.ts'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'
import { testKeygen } from '../testing/test-keygen.ts'

const LIST = '/api_3/outgoing-webhook/list/dana/telescope'
const ADD = '/api_3/outgoing-webhook/add/dana/telescope'

test('the secret of a webhook is shown only once, and is stored sealed', async () => {
  const sealed: string[] = []
  const keygen = {
    ...testKeygen(),
    makeKey: () => Promise.reject(new Error('no keys here')),
    seal: async ({
      secret,
      purpose,
      context,
    }: {
      secret: string
      purpose: string
      context: string
    }) => {
      sealed.push(secret)
      assert.deepEqual([purpose, context], ['outgoing', 'outgoing webhook of project 1'])
      return Buffer.from('sealed')
    },
  }
  await using t = await openTestFrontend({ keygen })
  await addTelescope(t)
  const json = { url: 'https://hooks.example.org/', events: BUILD_EVENT_NAMES }
  const { id, secret } = await t.get(ADD, { as: 'dana', json })
  assert.match(String(secret), /^whsec_[A-Za-z0-9+/]{43}=$/)
  assert.deepEqual(sealed, [secret])
  const all = await t.get(LIST, { as: 'dana' })
  assert.ok(!JSON.stringify(all).includes(String(secret)))
  const again = await t.get(`/api_3/outgoing-webhook/new-secret/dana/telescope/${Number(id)}`, {
    as: 'dana',
    json: {},
  })
  assert.notEqual(again['secret'], secret)
  const dump = await t.db.selectFrom('project_webhook').selectAll().execute()
  const log = await t.db.selectFrom('audit_log').selectAll().execute()
  for (const each of sealed) assert.ok(!JSON.stringify([dump, log]).includes(each))
})

test('by default, a webhook is subscribed only to the event that a build has finished', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { events, enabled, waiting } = await t.get(ADD, {
    as: 'dana',
    json: { url: 'https://hooks.example.org/' },
  })
  assert.deepEqual(
    { events, enabled, waiting },
    { events: ['build.finished'], enabled: true, waiting: 0 },
  )
})

for (const [fields, message] of [
  [{ url: 'ftp://hooks.example.org/' }, /^url: must be an http or https URL/],
  [
    { url: 'https://user:secret@hooks.example.org/' },
    /^url: must be an http or https URL without a user name/,
  ],
  [
    { url: `https://hooks.example.org/${'x'.repeat(2000)}` },
    /^url: must have at most 2000 characters/,
  ],
  [
    { url: 'https://hooks.example.org/', events: ['build.exploded'] },
    /^events: must name at least one of build.finished, /,
  ],
  [{ url: 'https://hooks.example.org/', events: [] }, /^events: must name at least one of/],
  [{}, /^url: This field is required/],
] as const)
  test(`a webhook is refused with the reason: ${JSON.stringify(fields).slice(0, 70)}`, async () => {
    await using t = await openTestFrontend()
    await addTelescope(t)
    const response = await t.ask(ADD, { as: 'dana', json: fields })
    assert.equal(response.status, 400)
    assert.match(String(((await response.json()) as { error: string }).error), message)
  })

test('a project has at most 20 webhooks', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const add = async () =>
    await t.ask(ADD, { as: 'dana', json: { url: 'https://hooks.example.org/' } })
  for (let count = 0; count < 20; count++) assert.equal((await add()).status, 200)
  const refused = await add()
  assert.equal(refused.status, 409)
  assert.match(await refused.text(), /the project has 20, which is the limit/)
})

test('a webhook and its deliveries can be accessed only through their own project', async () => {
  await using fixture = await openFixture()
  const { t } = fixture
  const headers = { ...fixture.as('owner'), 'content-type': 'application/json' }
  // The webhook and the delivery with ID 2 belong to the group's project.
  for (const [method, path] of [
    ['PUT', 'edit/dana/telescope/2'],
    ['POST', 'new-secret/dana/telescope/2'],
    ['POST', 'test/dana/telescope/2'],
    ['POST', 'resend/dana/telescope/2'],
    ['DELETE', 'delete/dana/telescope/2'],
    ['GET', 'deliveries/dana/telescope/2'],
  ] as const) {
    const response = await t.app.request(`/api_3/outgoing-webhook/${path}`, { method, headers })
    assert.equal(response.status, 404, path)
  }
})

test('deliveries are listed newest first, and the list is paged', async () => {
  await using fixture = await openFixture()
  const { t } = fixture
  const at = '/api_3/outgoing-webhook'
  for (let count = 0; count < 3; count++)
    await t.get(`${at}/test/dana/telescope/1`, { headers: fixture.as('owner'), json: {} })
  const list = async (query: string): Promise<number[]> => {
    const { deliveries } = await t.get<{ deliveries: { id: number }[] }>(
      `${at}/deliveries/dana/telescope/1?${query}`,
      { headers: fixture.as('owner') },
    )
    return deliveries.map(({ id }) => id)
  }
  const all = await list('')
  assert.deepEqual(
    all,
    all.toSorted((a, b) => b - a),
  )
  assert.equal(all.length, 4)
  assert.deepEqual(await list('limit=2'), all.slice(0, 2))
  assert.deepEqual(await list(`limit=2&before_id=${all[1] ?? 0}`), all.slice(2))
  const wrong = await t.ask(`${at}/deliveries/dana/telescope/1?limit=101`, {
    headers: fixture.as('owner'),
  })
  assert.equal(wrong.status, 400)
})

test('the page of a webhook shows its log, a resend button, and why it is disabled', async () => {
  await using fixture = await openFixture()
  const { t } = fixture
  const headers = { cookie: fixture.sessionOf('owner'), accept: 'text/html' }
  const page = async (): Promise<string> =>
    await (await t.app.request('/coprs/dana/telescope/outgoing_webhooks/1/', { headers })).text()
  const enabled = await page()
  assert.match(enabled, /delivered, 1\s+attempt/)
  assert.match(enabled, /outgoing_webhooks\/1\/resend\/1\//)
  await t.get('/api_3/outgoing-webhook/edit/dana/telescope/1', {
    headers: fixture.as('owner'),
    method: 'PUT',
    json: { enabled: false },
  })
  const disabled = await page()
  assert.match(disabled, /Disabled by dana/)
  assert.doesNotMatch(disabled, /resend/)
})

test('users choose on their own page whether they get mail, if the site sends any', async () => {
  await using fixture = await openFixture()
  const { t } = fixture
  const headers = { cookie: fixture.sessionOf('owner'), accept: 'text/html' }
  const page = async (): Promise<string> =>
    await (await t.app.request('/user/info/', { headers })).text()
  const shown = await page()
  assert.match(shown, /name="wants_mail"\s+value="true"\s+checked/)
  const csrf = /name="csrf_token" value="([^"]+)"/.exec(shown)?.[1] ?? ''
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const body = new URLSearchParams({ csrf_token: csrf, wants_mail: 'false' }).toString()
  const response = await t.app.request('/user/mail/', {
    method: 'POST',
    headers: { ...headers, ...form },
    body,
  })
  assert.equal(response.status, 303)
  assert.doesNotMatch(await page(), /value="true"\s+checked/)
  delete t.frontend.config.mail
  assert.doesNotMatch(await page(), /wants_mail/)
})
