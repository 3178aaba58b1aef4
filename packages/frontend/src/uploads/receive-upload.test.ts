import assert from 'node:assert/strict'
import { issueToken } from '@copr/domain/users/api-tokens'
import { createUser } from '@copr/domain/users/user-queries'
import { serveHttp } from '@copr/process/http-server'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { NOW, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'

test('an upload that the client aborts leaves no file', async () => {
  await using t = await openTestFrontend()
  await using server = await serveHttp(t.app, { host: '127.0.0.1', port: 0 })
  const authorization = await credentials(t)
  const socket = connect(server.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(
    [
      'POST /api_3/build/create/upload HTTP/1.1',
      'Host: localhost',
      `Authorization: ${authorization}`,
      'Content-Type: multipart/form-data; boundary=x',
      'Content-Length: 100000',
      '',
      '--x',
      'Content-Disposition: form-data; name="pkgs"; filename="a.src.rpm"',
      '',
      'begins',
    ].join('\r\n'),
  )
  await until(async () => (await readdir(t.frontend.uploads_dir)).length === 1)
  socket.destroy()
  await until(async () => (await readdir(t.frontend.uploads_dir)).length === 0)
})

for (const [what, disposition, size, times] of [
  ['a file with form fields', 'name="json"; filename="json"', 400 * 1024, 3],
  ['a field', 'name="description"', 400 * 1024, 3],
  // A field that was silently truncated would change the build.
  ['a single field', 'name="description"', 2 * 1024 * 1024, 1],
] as const)
  test(`${what} that is too long is refused, and not kept in memory`, async () => {
    await using t = await openTestFrontend()
    t.frontend.config.limits.max_upload_bytes = 10 * 1024 * 1024
    const authorization = await credentials(t)
    const part = `--x\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${'a'.repeat(size)}\r\n`
    const headers = { authorization, 'content-type': 'multipart/form-data; boundary=x' }
    const body = `${part.repeat(times)}--x--\r\n`
    const answer = await t.app.request('/api_3/build/create/upload', {
      method: 'POST',
      headers,
      body,
    })
    assert.match(await answer.text(), /fields are longer than/)
    assert.equal(answer.status, 413)
  })

test('an upload with more than 2,000 fields is refused instead of losing some of them', async () => {
  await using t = await openTestFrontend()
  const headers = {
    authorization: await credentials(t),
    'content-type': 'multipart/form-data; boundary=x',
  }
  const part = '--x\r\nContent-Disposition: form-data; name="chroots"\r\n\r\na\r\n'
  const body = `${part.repeat(2001)}--x--\r\n`
  const path = '/api_3/build/create/upload'
  const answer = await t.app.request(path, { method: 'POST', headers, body })
  assert.match(await answer.text(), /more than 2000 fields/)
  assert.equal(answer.status, 400)
})

async function credentials(t: TestFrontend): Promise<string> {
  const user = await createUser(t.db, { username: 'lee', now: NOW })
  const { login, token } = await issueToken(t.db, user.id, { now: NOW, days: 1 })
  return `Basic ${Buffer.from(`${login}:${token}`).toString('base64')}`
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10)
}
