import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { ChainAnswer } from '@copr/contract/api/chains'
import { advanceChains } from '@copr/domain/chains/advance-chains'
import { MAX_CHAIN_BUILDS } from '@copr/domain/chains/chains'
import { fixtures } from '@copr/domain/testing/fixtures'
import { link, TARGET, upload, LINK } from '../testing/test-builds.ts'
import { addTelescope, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'

const CREATE = '/api_3/chain/create'
const t = await openTestFrontend()
await addTelescope(t)
after(() => t[Symbol.asyncDispose]())

async function created(on: TestFrontend, more: object = {}): Promise<ChainAnswer> {
  return ChainAnswer.parse(await on.get(CREATE, { as: 'dana', json: { ...TARGET, ...more } }))
}

async function put(path: string, as: 'dana' | 'kim' = 'dana'): Promise<Response> {
  return await t.ask(path, { as, method: 'PUT' })
}

test('a chain is open until it is started, and its page and its builds show its progress', async () => {
  const { id, state } = await created(t)
  assert.equal(state, 'open')
  const build = await upload(t, { chain_id: id })
  const started = await put(`/api_3/chain/start/${id}`)
  assert.equal(started.status, 200)
  const chain = ChainAnswer.parse(await started.json())
  assert.equal(chain.state, 'running')
  assert.deepEqual(chain.builds, [{ id: build.id, package: 'hello', state: 'importing' }])
  assert.deepEqual(chain.counts, { total: 1, waiting: 0, running: 1, succeeded: 0, failed: 0 })
  assert.deepEqual(
    chain.chroots.map(({ packages }) => packages.map((one) => one.package)),
    build.chroots.map(() => ['hello']),
  )
  const again = await put(`/api_3/chain/start/${id}`)
  assert.equal(again.status, 409)
  const page = await (await t.ask(`/coprs/dana/telescope/chain/${id}/`)).text()
  assert.match(page, new RegExp(`Chain ${id}`))
  assert.match(page, /0 of 1 succeeded/)
  const own = await (await t.ask(`/coprs/dana/telescope/build/${build.id}/`)).text()
  assert.ok(own.includes(`href="/coprs/dana/telescope/chain/${id}/"`))
  const late = await t.ask('/api_3/build/create/url', {
    as: 'dana',
    json: { ...TARGET, pkgs: [LINK], chain_id: id },
  })
  assert.equal(late.status, 400)
  assert.match(await late.text(), /has been started already/)
})

test('a single request submits and starts a chain of URLs, and refuses more builds than the limit of a chain', async () => {
  const pkgs = ['a', 'b'].map((name) => `https://sources.example.org/${name}-1-1.src.rpm`)
  const chain = await created(t, { pkgs, timeout: 600 })
  assert.equal(chain.state, 'running')
  assert.equal(chain.counts.total, 2)
  const many = Array.from({ length: MAX_CHAIN_BUILDS + 1 }, (_, i) => `https://e.org/${i}.src.rpm`)
  const refused = await t.ask(CREATE, { as: 'dana', json: { ...TARGET, pkgs: many } })
  assert.equal(refused.status, 400)
  assert.match(await refused.text(), /the limit is 300/)
  const bad = await t.ask(CREATE, { as: 'dana', json: { ...TARGET, pkgs: ['file:///etc/passwd'] } })
  assert.equal(bad.status, 400)
})

test('only users who may build in the project can start and cancel its chains, and a chain accepts builds of its own project only', async () => {
  const { id } = await created(t)
  for (const verb of ['start', 'cancel'])
    assert.equal((await put(`/api_3/chain/${verb}/${id}`, 'kim')).status, 403)
  const other = await t.ask(CREATE, { as: 'kim', json: TARGET })
  assert.equal(other.status, 403)
  await t.get('/api_3/project/add/kim', {
    as: 'kim',
    json: { name: 'own', chroots: ['debian-12-x86_64'] },
  })
  const json = { ownername: 'kim', projectname: 'own', pkgs: [LINK], chain_id: id }
  const foreign = await t.ask('/api_3/build/create/url', { as: 'kim', json })
  assert.equal(foreign.status, 400)
  assert.match(await foreign.text(), new RegExp(`the project has no chain ${id}`))
  assert.equal((await t.ask(`/coprs/kim/own/chain/${id}/`)).status, 404)
  assert.equal((await t.ask('/api_3/chain/99999999999999999')).status, 404)
})

test('canceling a chain cancels its builds and ends the chain', async () => {
  const { id } = await created(t)
  const build = await link(t, { chain_id: id })
  assert.equal((await put(`/api_3/chain/cancel/${id}`)).status, 200)
  await advanceChains(t.db, t.frontend.now())
  const chain = ChainAnswer.parse(await t.get(`/api_3/chain/${id}`))
  assert.equal(chain.state, 'canceled')
  assert.ok(chain.ended_on !== null)
  assert.deepEqual(chain.builds, [{ id: build.id, package: null, state: 'canceled' }])
})

test('the page of a chain escapes reasons and requirements, because they come from packages', async () => {
  const { id } = await created(t)
  const build = await link(t, { chain_id: id, chroots: ['fedora-43-x86_64'] })
  const reason = '<script>alert(1)</script>'
  await fixtures(t.db)
    .updateTable('build_chroot')
    .set({ state: 'failed', state_reason: reason })
    .where('build_id', '=', build.id)
    .execute()
  const page = await (await t.ask(`/coprs/dana/telescope/chain/${id}/`)).text()
  assert.ok(!page.includes(reason))
  assert.ok(page.includes('&lt;script&gt;alert(1)'))
})
