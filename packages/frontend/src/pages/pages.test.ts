import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browse } from '../testing/browse.ts'
import { makeRpm } from '../testing/make-srpm.ts'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'

test('public pages are shown to visitors, and project pages to the owner of the project', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const json = {
    ownername: 'dana',
    projectname: 'telescope',
    pkgs: ['https://a.example.org/a.src.rpm'],
  }
  await t.get('/api_3/build/create/url', { as: 'dana', json })
  const open = [
    '/',
    '/coprs/',
    '/recent/',
    '/login/',
    '/api/',
    '/coprs/fulltext/?fulltext=tele',
    '/coprs/dana/',
    '/coprs/dana/telescope/',
    '/coprs/dana/telescope/packages/',
    '/coprs/dana/telescope/builds/',
    '/coprs/dana/telescope/build/1/',
  ]
  const own = [
    '/coprs/dana/add/',
    '/coprs/dana/telescope/add_build/',
    '/coprs/dana/telescope/add_build_upload/',
    '/coprs/dana/telescope/delete/',
  ]
  const visitor = await browse(t)
  const dana = await browse(t, 'dana')
  const kim = await browse(t, 'kim')
  for (const path of open) {
    const { status, text } = await visitor.get(path)
    assert.equal(status, 200, path)
    assert.match(text, /^<!doctype html>/)
    if (path !== '/login/') assert.equal((await dana.get(path)).status, 200, path)
    assert.equal((await visitor.get(path.replace(/\/$/, '') || '/')).status, 200, path)
  }
  for (const path of own) {
    assert.equal((await dana.get(path)).status, 200, path)
    assert.equal((await kim.get(path)).status, 403, path)
    assert.equal((await visitor.get(path)).location, `/login/?next=${encodeURIComponent(path)}`)
  }
})

test('every page forbids scripts from other sites and embedding in frames', async () => {
  await using t = await openTestFrontend()
  const { headers } = await (await browse(t)).get('/')
  const policy = headers.get('content-security-policy') ?? ''
  assert.match(policy, /script-src 'self';/)
  assert.match(policy, /frame-ancestors 'none'/)
  assert.equal(headers.get('x-content-type-options'), 'nosniff')
  assert.equal(headers.get('referrer-policy'), 'same-origin')
})

test('text from users is not rendered as markup', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t, { description: '<script>alert(1)</script>', contact: 'a@example.org' })
  const visitor = await browse(t)
  for (const path of [
    '/',
    '/coprs/dana/',
    '/coprs/dana/telescope/',
    '/coprs/fulltext/?fulltext=<script>',
    '/coprs/dana/<script>/',
  ])
    assert.ok(!(await visitor.get(path)).text.includes('<script>'), path)
})

test('the login sets a cookie, redirects only to this site, and is rate-limited', async () => {
  await using t = await openTestFrontend()
  const visitor = await browse(t)
  const good = { username: 'dana', password: 'correct horse' }
  const { status, location, headers } = await visitor.post('/login/', {
    ...good,
    next: '/coprs/dana/?a=1',
  })
  assert.equal(status, 303)
  assert.equal(location, '/coprs/dana/?a=1')
  assert.match(
    headers.get('set-cookie') ?? '',
    /^session=[\w-]{43}; Max-Age=1209600; Path=\/; HttpOnly; SameSite=Lax$/,
  )
  for (const next of [
    'https://evil.example.org/',
    '//evil.example.org',
    '/\\evil.example.org',
    'javascript:alert(1)',
  ])
    assert.equal((await visitor.post('/login', { ...good, next })).location, '/')
  for (const username of ['dana', 'nobody', 'admin', 'da\0na'])
    assert.equal((await visitor.post('/login', { username, password: 'wrong' })).status, 400)
  for (let i = 0; i < 9; i++) await visitor.post('/login', { ...good, password: 'wrong' })
  // There is no delay after ten failed logins, and a delay of one second after the eleventh.
  assert.equal((await visitor.post('/login', good)).status, 303)
  for (let i = 0; i < 11; i++) await visitor.post('/login', { ...good, password: 'wrong' })
  const refused = await visitor.post('/login', good)
  assert.equal(refused.status, 429)
  assert.equal(refused.headers.get('retry-after'), '1')
  assert.match(refused.text, /try again in 1 second/)
  assert.equal(
    (await visitor.post('/login', { username: 'kim', password: 'battery staple' })).status,
    303,
  )
  const foreign = {
    method: 'POST',
    headers: { 'sec-fetch-site': 'cross-site' },
    body: new URLSearchParams(good),
  }
  assert.equal((await t.app.request('/login', foreign)).status, 403)
})

test('logging out ends the session', async () => {
  await using t = await openTestFrontend()
  const dana = await browse(t, 'dana')
  assert.equal((await dana.post('/logout/', {})).location, '/')
  assert.match((await dana.get('/')).text, /Log in to start/)
})

test('a new token is shown once, and works', async () => {
  await using t = await openTestFrontend()
  const dana = await browse(t, 'dana')
  const { text, headers } = await dana.post('/api/new/', {}, '/api/')
  const [, login = '', token = ''] =
    /login = ([a-z]{20})\nusername = dana\ntoken = ([a-z]{30})\ncopr_url = http:\/\/copr\.example\.org:5000\nencrypted = False\n# expiration date: 2027-05-21/.exec(
      text,
    ) ?? []
  assert.equal(headers.get('cache-control'), 'no-store')
  const authorization = `Basic ${Buffer.from(`${login}:${token}`).toString('base64')}`
  assert.equal((await t.ask('/api_3/auth-check', { headers: { authorization } })).status, 200)
  assert.ok(!(await dana.get('/api/')).text.includes(token))
})

test('forms without the CSRF token of the session do nothing', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const dana = await browse(t, 'dana')
  for (const path of [
    '/logout/',
    '/api/new/',
    '/coprs/dana/new/',
    '/coprs/dana/telescope/add_build/',
    '/coprs/dana/telescope/delete/',
    '/coprs/dana/telescope/cancel_build/1/',
  ])
    assert.equal((await dana.post(path, { csrf_token: 'forged' })).status, 403, path)
})

test('the form for new projects creates a project, or shows the error and keeps the input', async () => {
  await using t = await openTestFrontend()
  const dana = await browse(t, 'dana')
  const fields = {
    name: 'bad name',
    chroots: 'debian-12-x86_64',
    description: 'Kept "text"',
    homepage: '',
    additional_repos: '',
  }
  const bad = await dana.post('/coprs/dana/new/', fields)
  assert.equal(bad.status, 400)
  assert.match(bad.text, /name: Name must contain only letters/)
  assert.match(bad.text, /Kept &quot;text&quot;/)
  const { location } = await dana.post('/coprs/dana/new/', { ...fields, name: 'good' })
  assert.equal(location, '/coprs/dana/good/')
})

test('builds can be submitted, canceled and deleted on pages', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const dana = await browse(t, 'dana')
  const { name, bytes } = await makeRpm('source')
  const upload = '/coprs/dana/telescope/add_build_upload/'
  const bad = await dana.post(upload, { pkgs: new File(['x'], 'hello.src.rpm'), timeout: '' })
  assert.equal(bad.status, 400)
  assert.match(bad.text, /Cannot build hello\.src\.rpm: /)
  const sent = await dana.post(upload, {
    pkgs: new File([new Uint8Array(bytes)], name),
    timeout: '',
  })
  assert.equal(sent.location, '/coprs/dana/telescope/build/1/')
  const build = sent.location
  assert.match((await dana.get(build)).text, /data-live[^]*Cancel[^]*data-live|data-live[^]*Cancel/)
  assert.equal(
    (await (await browse(t, 'kim')).post('/coprs/dana/telescope/cancel_build/1/', {})).status,
    403,
  )
  assert.equal((await dana.post('/coprs/dana/telescope/cancel_build/1/', {})).location, build)
  assert.match((await dana.get(build)).text, /Delete build 1/)
  assert.equal(
    (await dana.post('/coprs/dana/telescope/delete_build/1/', {})).location,
    '/coprs/dana/telescope/builds/',
  )
  const urls = { pkgs: 'https://a.example.org/a.src.rpm\r\nhttps://a.example.org/b.src.rpm' }
  assert.equal(
    (await dana.post('/coprs/dana/telescope/add_build/', urls)).location,
    '/coprs/dana/telescope/build/3/',
  )
})

test('a project is deleted only if its name is entered as confirmation', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const dana = await browse(t, 'dana')
  const path = '/coprs/dana/telescope/delete/'
  assert.equal((await dana.post(path, { verify: 'yes' })).status, 400)
  assert.equal((await dana.post(path, { verify: 'telescope' })).location, '/coprs/dana/')
  assert.equal((await dana.get('/coprs/dana/telescope/')).status, 404)
})

test('/coprs/build/ID redirects to the build, and @group paths to the pages of the group', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const json = {
    ownername: 'dana',
    projectname: 'telescope',
    pkgs: ['https://a.example.org/a.src.rpm'],
  }
  await t.get('/api_3/build/create/url', { as: 'dana', json })
  const visitor = await browse(t)
  for (const path of ['/coprs/build/1', '/coprs/build/1/']) {
    const { status, location } = await visitor.get(path)
    assert.deepEqual([status, location], [302, '/coprs/dana/telescope/build/1/'])
  }
  assert.equal((await visitor.get('/coprs/build/99/')).status, 404)
  assert.equal(
    (await visitor.get('/coprs/@orbit/telescope/')).location,
    '/coprs/g/orbit/telescope/',
  )
})

test('an unknown path gets a page in browsers and plain text in other clients', async () => {
  await using t = await openTestFrontend()
  const page = await (await browse(t)).get('/nowhere')
  assert.equal(page.status, 404)
  assert.match(page.text, /Page not found: \/nowhere/)
  const text = await t.ask('/nowhere')
  assert.match(text.headers.get('content-type') ?? '', /^text\/plain/)
})

test('static files are marked as immutable for caches, and no other files are served', async () => {
  await using t = await openTestFrontend()
  const { text } = await (await browse(t)).get('/')
  const urls = [...text.matchAll(/"(\/static\/[^"]+)"/g)].map(([, url]) => url ?? '')
  assert.ok(urls.length >= 3)
  const version = urls[0]?.split('/')[2]
  const font = `/static/${version}/assets/fonts/RedHatText/RedHatTextVF.woff2`
  for (const url of [...urls, font]) {
    const response = await t.ask(url)
    assert.equal(response.status, 200, url)
    assert.match(response.headers.get('cache-control') ?? '', /immutable/)
    await response.arrayBuffer()
  }
  for (const path of [
    '/static/x/package.json',
    '/static/x/..%2f..%2fpackage.json',
    '/static/x/assets/fonts/..%2f/a.woff2',
    '/static/',
  ])
    assert.equal((await t.ask(path)).status, 404, path)
})
