import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openFixture } from '../testing/fixture.ts'

const fixture = await openFixture()
after(() => fixture[Symbol.asyncDispose]())
const { app } = fixture.t

for (const [path, target] of [
  ['/recent/all/', '/recent/'],
  ['/explore/', '/'],
  ['/status/pending/all/', '/status/pending/'],
  ['/status/batches/', '/status/pending/'],
  ['/status/stats/', '/status/running/'],
  ['/groups/g/orbit/coprs/', '/coprs/g/orbit/'],
  ['/groups/g/orbit/coprs/3', '/coprs/g/orbit/'],
  ['/coprs/2/', '/'],
  ['/coprs/dana/2/', '/coprs/dana/'],
  ['/coprs/fulltext/2/?fulltext=lens', '/coprs/fulltext/?fulltext=lens'],
  ['/oidc_login/?next=/coprs/dana/add/', '/login/?next=%2Fcoprs%2Fdana%2Fadd%2F'],
] as const)
  test(`${path}, a page of Copr, leads to ${target}`, async () => {
    const response = await app.request(path)
    assert.deepEqual([response.status, response.headers.get('location')], [302, target])
  })

test('/recent/my/ redirects to the projects of the user', async () => {
  const response = await app.request('/recent/my/', {
    headers: { cookie: fixture.sessionOf('owner') },
  })
  assert.equal(response.headers.get('location'), '/coprs/dana/')
})

test('numeric names of users and groups are not mistaken for the ids in old URLs', async () => {
  const { db } = fixture.t
  await db.insertInto('user_account').values({ username: '42', created_at: new Date() }).execute()
  await db.insertInto('user_group').values({ name: '43', created_at: new Date() }).execute()
  for (const path of ['/coprs/42/', '/coprs/g/43/'])
    assert.equal((await app.request(path)).status, 200, path)
  const build = await app.request(`/coprs/build/${fixture.finished_build}/`)
  assert.match(build.headers.get('location') ?? '', /\/build\/\d+\/$/)
})
