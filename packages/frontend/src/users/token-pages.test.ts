import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browse } from '../testing/browse.ts'
import { addTelescope, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'

const PAGE = '/user/tokens/'

function credentialsIn(text: string): { headers: Record<string, string> } {
  const login = /^login = (\w+)$/m.exec(text)?.[1] ?? ''
  const token = /^token = (\w+)$/m.exec(text)?.[1] ?? ''
  const pair = Buffer.from(`${login}:${token}`).toString('base64')
  return { headers: { authorization: `Basic ${pair}` } }
}

async function statusOf(t: TestFrontend, path: string, options: object): Promise<number> {
  return (await t.ask(path, options)).status
}

test('a named token is shown once, is limited to its scopes, and stops working when it is revoked', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const dana = await browse(t, 'dana')
  const fields = { name: 'CI', scopes: ['read', 'build'], project: 'dana/telescope', days: '30' }
  const made = await dana.post('/user/tokens/new/', fields, PAGE)
  assert.equal(made.status, 200)
  assert.equal(made.headers.get('cache-control'), 'no-store')
  assert.match(made.text, /# expiration date: 2026-12-22/)
  const as = credentialsIn(made.text)
  assert.equal(await statusOf(t, '/api_3/auth-check', as), 200)
  const edit = { ...as, method: 'PUT', json: { description: 'x' } }
  assert.equal(await statusOf(t, '/api_3/project/edit/dana/telescope', edit), 403)
  const { text } = await dana.get(PAGE)
  assert.match(text, /CI[^]*read, build[^]*dana\/telescope[^]*2026-12-22/)
  assert.doesNotMatch(text, /^token = /m)
  const revoke =
    /action="(\/user\/tokens\/\d+\/revoke\/)" data-confirm="Programs that use the token CI/.exec(
      text,
    )?.[1]
  const path = revoke ?? ''
  assert.equal((await (await browse(t, 'kim')).post(path, {}, PAGE)).status, 404)
  assert.equal((await dana.post(path, { csrf_token: 'forged' }, PAGE)).status, 403)
  assert.equal((await dana.post(path, {}, PAGE)).location, PAGE)
  assert.equal(await statusOf(t, '/api_3/auth-check', as), 401)
})

for (const [what, change, status, why] of [
  ['no scope', { scopes: [] }, 400, /at least one scope/],
  ['an unknown scope', { scopes: ['root'] }, 400, /scopes are/],
  ['a project without an owner', { project: 'telescope' }, 400, /OWNER\/PROJECT/],
  ['an unknown project', { project: 'dana/nothing' }, 404, /does not exist/],
  ['too many days', { days: '9999' }, 400, /1 to 365 days/],
  ['days that are not a number', { days: 'many' }, 400, /1 to 365 days/],
] as const)
  test(`the form refuses ${what}, and keeps the input`, async () => {
    await using t = await openTestFrontend()
    const dana = await browse(t, 'dana')
    const fields = { name: 'my "CI"', scopes: ['read'], ...change }
    const answer = await dana.post(
      '/user/tokens/new/',
      { ...fields, name: 'my CI', scopes: [...fields.scopes] },
      PAGE,
    )
    assert.equal(answer.status, status)
    assert.match(answer.text, why)
    assert.match(answer.text, /value="my CI"/)
  })

test('the classic token is created on /api/, and is revoked like the others', async () => {
  await using t = await openTestFrontend()
  const kim = await browse(t, 'kim')
  const { text } = await kim.post('/api/new/', {}, '/api/')
  assert.match(text, /# expiration date: 2027-05-21/)
  const as = credentialsIn(text)
  assert.equal(await statusOf(t, '/api_3/auth-check', as), 200)
  const revoke = /action="(\/user\/tokens\/\d+\/revoke\/)"/.exec((await kim.get(PAGE)).text)?.[1]
  await kim.post(revoke ?? '', {}, PAGE)
  assert.equal(await statusOf(t, '/api_3/auth-check', as), 401)
})
