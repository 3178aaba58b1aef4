import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { serveHttp } from '@copr/process/http-server'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'
import { MAX_REQUESTS } from './request-limit.ts'

test('a URL with more than 100 parameters is refused', async () => {
  await using t = await openTestFrontend()
  const path = (count: number): string =>
    `/api_3/project/list?${'limit=1&'.repeat(count - 1)}limit=1`
  assert.equal((await t.ask(path(100))).status, 200)
  const refused = await t.ask(path(101))
  assert.equal(refused.status, 400)
  assert.match(await refused.text(), /more than 100 parameters/)
})

test('a login form of more than 64 KB is refused before it is read', async () => {
  await using t = await openTestFrontend()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const body = `username=kim&password=${'a'.repeat(64 * 1024)}`
  for (const path of ['/login', '/logout', '/login/link/abc'])
    assert.equal((await t.ask(path, { body, headers })).status, 413, path)
})

/** Sends `count` requests in sequence; returns the number of responses with each status. */
async function statuses(count: number, send: (i: number) => Promise<Response>) {
  const found: Record<number, number> = {}
  for (let i = 0; i < count; i++) {
    const response = await send(i)
    found[response.status] = (found[response.status] ?? 0) + 1
    if (response.status === 429) assert.match(response.headers.get('retry-after') ?? '', /^[1-9]/)
  }
  return found
}

const basic = (login: string, token: string) => ({
  authorization: `Basic ${btoa(`${login}:${token}`)}`,
})

test('wrong tokens are throttled after thirty failures, and valid ones still work', async () => {
  await using t = await openTestFrontend()
  const check = (headers: Record<string, string>) => t.ask('/api_3/auth-check', { headers })
  assert.equal((await t.ask('/api_3/auth-check', { as: 'dana' })).status, 200)
  assert.deepEqual(await statuses(60, (i) => check(basic(`login${i}`, 'wrong'))), {
    401: 31,
    429: 29,
  })
  assert.equal((await t.ask('/api_3/auth-check', { as: 'dana' })).status, 200)
  assert.equal((await t.ask('/api_3/')).status, 200)
})

test('a revoked token is throttled as well, although it was valid before', async () => {
  await using t = await openTestFrontend()
  assert.equal((await t.ask('/api_3/auth-check', { as: 'dana' })).status, 200)
  await t.db.deleteFrom('api_token').execute()
  assert.deepEqual(await statuses(40, () => t.ask('/api_3/auth-check', { as: 'dana' })), {
    401: 21,
    429: 19,
  })
})

test('guesses of one token are counted across all addresses', async () => {
  await using t = await openTestFrontend()
  await using server = await serveHttp(t.app, { host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${server.port}/api_3/auth-check`
  const guess = (i: number) =>
    fetch(url, { headers: { ...basic('dana', `${i}`), 'x-forwarded-for': `192.0.2.${i}` } })
  assert.deepEqual(await statuses(30, guess), { 401: 21, 429: 9 })
})

for (const path of [
  '/webhooks/github/1/',
  '/webhooks/custom/1/',
  '/webhooks/custom-dir/dana/telescope/',
])
  test(`${path} throttles guesses after twenty failures, and accepts a secret that was right before`, async () => {
    await using t = await openTestFrontend()
    await addTelescope(t)
    const right = '0d2c3d0e-5d5b-4d67-9a53-2f6c0c9b7f11'
    await t.db.updateTable('project').set({ webhook_secret: right }).execute()
    const call = (secret: string) =>
      t.ask(`${path}${secret}`, { json: {}, headers: { 'x-github-event': 'push' } })
    assert.equal((await call(right)).status, 400)
    const guess = (i: number) => call(right.replace(/^../, String(i + 10)))
    assert.deepEqual(await statuses(60, guess), { 403: 21, 429: 39 })
    assert.equal((await call(right)).status, 400)
  })

test('guesses of login links are throttled after twenty failures', async () => {
  await using t = await openTestFrontend()
  assert.deepEqual(await statuses(30, (i) => t.ask(`/login/link/${i}`)), { 404: 21, 429: 9 })
})

test('guesses from another address do not lock out the owner', async () => {
  await using t = await openTestFrontend()
  await using server = await serveHttp(t.app, { host: '127.0.0.1', port: 0 })
  const login = (password: string, address: string) =>
    fetch(`http://127.0.0.1:${server.port}/login`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'x-forwarded-for': address },
      body: new URLSearchParams({ username: 'kim', password }),
    })
  assert.equal((await login('battery staple', '192.0.2.7')).status, 303)
  assert.deepEqual(await statuses(20, () => login('wrong', '198.51.100.1')), { 400: 11, 429: 9 })
  assert.equal((await login('battery staple', '198.51.100.1')).status, 429)
  assert.equal((await login('battery staple', '192.0.2.7')).status, 303)
  assert.equal((await login('battery staple', '192.0.2.8')).status, 303)
})

test('concurrent requests from one address are limited, and requests from other addresses are still served', async () => {
  await using t = await openTestFrontend()
  await using server = await serveHttp(t.app, { host: '127.0.0.1', port: 0 })
  const status = async (address: string) =>
    (
      await fetch(`http://127.0.0.1:${server.port}/api_3/`, {
        headers: { 'x-forwarded-for': address },
      })
    ).status
  const half = `POST /login HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.7\r\nContent-Length: 9\r\n\r\na`
  const sockets = Array.from({ length: MAX_REQUESTS }, () => connect(server.port, '127.0.0.1'))
  for (const socket of sockets) socket.on('error', () => undefined).write(half)
  while ((await status('192.0.2.7')) !== 429) await setImmediate()
  assert.equal(await status('192.0.2.8'), 200)
  for (const socket of sockets) socket.destroy()
  while ((await status('192.0.2.7')) !== 200) await setImmediate()
})
