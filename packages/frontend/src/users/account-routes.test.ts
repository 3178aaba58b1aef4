import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NOW, openTestFrontend } from '../testing/test-frontend.ts'

test('auth-check returns the user of the token', async () => {
  await using t = await openTestFrontend()
  assert.deepEqual(await t.get('/api_3/auth-check', { as: 'kim' }), { id: t.kim.id, name: 'kim' })
})

for (const [what, authorization] of [
  ['no credentials', undefined],
  ['another scheme', 'Bearer abc'],
  ['invalid base64', 'Basic %%%'],
  ['credentials without a colon', `Basic ${Buffer.from('abc').toString('base64')}`],
  ['a wrong token', `Basic ${Buffer.from('login:token').toString('base64')}`],
  ['a login with a NUL character', `Basic ${Buffer.from('lo\0gin:token').toString('base64')}`],
] as const)
  test(`auth-check answers 401 to ${what}`, async () => {
    await using t = await openTestFrontend()
    const headers = authorization === undefined ? {} : { authorization }
    const response = await t.ask('/api_3/auth-check', { headers })
    assert.equal(response.status, 401)
    assert.equal(response.headers.get('www-authenticate'), null)
    const body = (await response.json()) as { output: string; error: string }
    assert.equal(body.output, 'notok')
    assert.match(body.error, /http:\/\/copr\.example\.org:5000\/api/)
  })

test('a token expires at the end of its last day', async () => {
  let now = NOW
  await using t = await openTestFrontend({ now: () => now })
  const status = async () => (await t.ask('/api_3/auth-check', { as: 'dana' })).status
  now = new Date('2027-05-21T23:59:59Z')
  assert.equal(await status(), 200)
  now = new Date('2027-05-22T00:00:00Z')
  assert.equal(await status(), 401)
})

test('api-token replaces the old token immediately', async () => {
  await using t = await openTestFrontend()
  const issued = await t.get<Record<string, string>>('/api_3/api-token', {
    as: 'dana',
    method: 'POST',
  })
  assert.match(issued['api_login'] ?? '', /^[a-z]{20}$/)
  assert.match(issued['api_token'] ?? '', /^[a-z]{30}$/)
  assert.equal(issued['expiration'], '2027-05-21')
  assert.equal((await t.ask('/api_3/auth-check', { as: 'dana' })).status, 401)
  const pair = Buffer.from(`${issued['api_login']}:${issued['api_token']}`).toString('base64')
  const headers = { authorization: `Basic ${pair}` }
  assert.equal((await t.ask('/api_3/auth-check', { headers })).status, 200)
  const { token_hash } = await t.db
    .selectFrom('api_token')
    .select('token_hash')
    .where('login', '=', issued['api_login'] ?? '')
    .executeTakeFirstOrThrow()
  assert.ok(!token_hash.toString('latin1').includes(issued['api_token'] ?? ''))
})
