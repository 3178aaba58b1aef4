import { makeLoginLink } from '@copr/domain/logins/login-links'
import { addUser, setBlocked } from '@copr/domain/users/change-user'
import { COMMAND } from '@copr/domain/audit/actor'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browse } from '../testing/browse.ts'
import { addTelescope, NOW, openTestFrontend } from '../testing/test-frontend.ts'

const PASSWORD = { password: 'a new password', password_again: 'a new password' }

test('a login link shows a form, sets the password once, and logs in', async () => {
  await using t = await openTestFrontend()
  const nora = await addUser(t.db, COMMAND, { username: 'nora', now: NOW })
  const link = `/login/link/${await makeLoginLink(t.db, COMMAND, nora, NOW)}`
  const visitor = await browse(t)
  for (let i = 0; i < 2; i++)
    assert.match((await visitor.get(link)).text, /Choose a password.*nora/s)
  for (const [fields, why] of [
    [{ password: 'short', password_again: 'short' }, /at least 10 characters/],
    [{ ...PASSWORD, password_again: 'another password' }, /do not match/],
  ] as const) {
    const { status, text } = await visitor.post(link, fields)
    assert.equal(status, 400)
    assert.match(text, why)
  }
  const { status, headers } = await visitor.post(link, PASSWORD)
  assert.equal(status, 303)
  assert.match(headers.get('set-cookie') ?? '', /^session=/)
  assert.equal((await visitor.post(link, PASSWORD)).status, 404)
  assert.equal((await visitor.get(link)).status, 404)
  const login = { username: 'nora', password: PASSWORD.password }
  assert.equal((await visitor.post('/login', login)).status, 303)
})

test('after too many failed logins, the message gives the time to wait', async () => {
  let now = NOW
  await using t = await openTestFrontend({ now: () => now })
  const visitor = await browse(t)
  const wrong = { username: 'dana', password: 'wrong' }
  for (let i = 0; i < 11; i++) assert.equal((await visitor.post('/login', wrong)).status, 400)
  // Names are compared in lower case.
  const good = { username: 'Dana', password: 'correct horse' }
  assert.match((await visitor.post('/login', good)).text, /try again in 1 second/)
  for (let seconds = 1; seconds < 1000; seconds *= 2) {
    now = new Date(now.getTime() + Math.min(seconds, 600) * 1000)
    assert.equal((await visitor.post('/login', wrong)).status, 400)
  }
  assert.match((await visitor.post('/login', good)).text, /try again in 600 seconds/)
  now = new Date(now.getTime() + 600_000)
  assert.equal((await visitor.post('/login', { ...good, username: 'dana' })).status, 303)
})

test('a user learns of being blocked only after entering the right password', async () => {
  await using t = await openTestFrontend()
  const kim = await browse(t, 'kim')
  await setBlocked(t.db, COMMAND, t.kim, { blocked: true, now: NOW })
  assert.match((await kim.get('/user/info/')).location ?? '', /^\/login\//)
  const { status, text } = await kim.post('/login', { username: 'kim', password: 'battery staple' })
  assert.equal(status, 403)
  assert.match(text, /kim is blocked/)
  assert.match((await kim.post('/login', { username: 'kim', password: 'x' })).text, /is wrong/)
})

test('changing the password requires the old one, and ends other sessions', async () => {
  await using t = await openTestFrontend()
  const here = await browse(t, 'dana')
  const there = await browse(t, 'dana')
  const page = '/user/info/'
  assert.match((await here.get(page)).text, /this browser/)
  const change = async (fields: Record<string, string>) =>
    await here.post('/user/password/', { ...PASSWORD, ...fields }, page)
  assert.match((await change({ old_password: 'wrong' })).text, /the old one is wrong/)
  assert.equal((await change({ old_password: 'correct horse', csrf_token: 'x' })).status, 403)
  assert.match((await change({ old_password: 'correct horse' })).text, /password has been changed/)
  assert.equal((await here.get(page)).status, 200)
  assert.match((await there.get(page)).location ?? '', /^\/login\//)
  for (let i = 0; i < 11; i++) await change({ old_password: 'wrong' })
  assert.equal((await change({ old_password: PASSWORD.password })).status, 429)
})

test('logging out everywhere ends all sessions', async () => {
  await using t = await openTestFrontend()
  const here = await browse(t, 'dana')
  const there = await browse(t, 'dana')
  assert.equal((await here.post('/user/sessions/close/', {}, '/user/info/')).location, '/login/')
  for (const browser of [here, there])
    assert.match((await browser.get('/user/info/')).location ?? '', /^\/login\//)
})

test('users can download the data that is stored about them', async () => {
  await using t = await openTestFrontend()
  const dana = await browse(t, 'dana')
  assert.deepEqual(JSON.parse((await dana.get('/user/info/download')).text).builds, [])
  await addTelescope(t)
  const project = { ownername: 'dana', projectname: 'telescope' }
  const json = { ...project, pkgs: ['https://a.example.org/a.src.rpm'] }
  await t.get('/api_3/build/create/url', { as: 'dana', json })
  const { text, headers } = await dana.get('/user/info/download')
  assert.equal(headers.get('content-disposition'), 'attachment; filename="dana.json"')
  const data = JSON.parse(text)
  assert.deepEqual(Object.keys(data), [
    'username',
    'email',
    'timezone',
    'is_admin',
    'created_at',
    'api_login',
    'api_token',
    'api_token_expiration',
    'tokens',
    'groups',
    'projects',
    'builds',
  ])
  assert.equal(data.api_token, null)
  assert.deepEqual(
    data.builds.map((build: { project: string }) => build.project),
    ['dana/telescope'],
  )
})
