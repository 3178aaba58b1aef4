import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestFrontend } from '../testing/test-frontend.ts'

test('an address with more than 100 parameters is refused', async () => {
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
