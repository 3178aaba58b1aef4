import { openSession } from '@copr/domain/users/sessions'
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { addTelescope, NOW, openTestFrontend, SITE } from '../testing/test-frontend.ts'

const SET = '/api_3/project/permissions/set/dana/telescope'
const json = { kim: { admin: 'approved' } }

test('the API accepts the session only with proof that a page of the site sent the request', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const session = await openSession(t.db, t.dana.id, NOW)
  const csrf = createHash('sha256').update(`csrf:${session}`).digest('base64url')
  const set = async (headers: Record<string, string>, host = 'localhost') =>
    await t.ask(`http://${host}${SET}`, {
      json,
      headers: { cookie: `session=${session}`, ...headers },
    })
  for (const headers of [
    {},
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'same-site', origin: SITE },
    { origin: 'null' },
    { origin: 'http://copr.example.org:5001' },
    { origin: 'http://evil.example.org:5000' },
    { origin: 'http://localhost.evil.example' },
    { 'x-csrf-token': 'wrong' },
    { 'x-csrf-token': createHash('sha256').update('csrf:').digest('base64url') },
  ] as Record<string, string>[]) {
    const { status } = await set(headers)
    assert.equal(status, 401, JSON.stringify(headers))
  }
  const roles = await t.db.selectFrom('project_permission').selectAll().execute()
  assert.deepEqual(roles, [])
  for (const [headers, host] of [
    [{ 'sec-fetch-site': 'same-origin' }],
    [{ origin: SITE }],
    [{ origin: 'http://127.0.0.1:5000' }, '127.0.0.1:5000'],
    [{ origin: 'http://localhost:5000' }, 'localhost:5000'],
    [{ origin: 'https://copr.example.org' }, 'copr.example.org'],
    [{ 'x-csrf-token': csrf }],
    [{ 'x-csrf-token': csrf, 'sec-fetch-site': 'none' }],
  ] as [Record<string, string>, string?][]) {
    const { status } = await set(headers, host)
    assert.equal(status, 200, `${JSON.stringify(headers)} ${host ?? ''}`)
  }
})

test('a GET request needs no proof of its origin, and a wrong token is refused even if the request has a valid session', async () => {
  await using t = await openTestFrontend()
  const cookie = `session=${await openSession(t.db, t.dana.id, NOW)}`
  const status = async (headers: Record<string, string>) =>
    (await t.ask('/api_3/auth-check', { headers: { cookie, ...headers } })).status
  assert.equal(await status({}), 200)
  assert.equal(await status({ authorization: `Basic ${btoa('a:b')}` }), 401)
})

test('no page accepts a form from another site, not even the login page', async () => {
  await using t = await openTestFrontend()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const body = 'username=kim&password=battery+staple'
  const login = async (more: Record<string, string>): Promise<number> =>
    (await t.ask('/login', { body, headers: { ...headers, ...more } })).status
  for (const more of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'http://copr.example.org:5001' },
    { origin: 'null' },
  ] as Record<string, string>[])
    assert.equal(await login(more), 403, JSON.stringify(more))
  for (const more of [{}, { 'sec-fetch-site': 'same-origin' }, { origin: SITE }] as Record<
    string,
    string
  >[])
    assert.equal(await login(more), 303, JSON.stringify(more))
})

test('the API refuses text/plain, which a form on any site can send', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const headers = { 'content-type': 'text/plain' }
  const response = await t.ask(SET, { as: 'dana', body: JSON.stringify(json), headers })
  assert.equal(response.status, 400)
})
