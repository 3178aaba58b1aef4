import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, suite, test } from 'node:test'
import { buildSummary, failReason } from '@copr/testkit/system/build-summary'
import { assertBuildersIdle, listTree } from '@copr/testkit/system/leftovers'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { startSystem, type System } from '@copr/testkit/system/start-system'
import { tinySources, type TinySources } from '@copr/testkit/system/tiny-srpm'
import { until } from '@copr/testkit/system/until'

const PROJECT = 'cancel'
const FOR_EVER = 'sleep infinity &\nsetsid sleep infinity &\necho sleeping for ever\nwait'

suite('canceling', { skip: whyNoSystem(process.env['PATH']) }, () => {
  let system: System
  let sources: TinySources

  before(async () => {
    sources = tinySources()
    system = await startSystem({ builders: 1 })
    await system.api.createProject(PROJECT)
    // The first build creates the buildroot, which the others reuse.
    const { id } = await system.api.uploadBuild(PROJECT, await sources.make({ name: 'first' }))
    assert.equal((await system.api.waitForBuild(id)).state, 'succeeded', system.logs())
  })
  after(async () => {
    sources?.[Symbol.dispose]()
    await system?.[Symbol.asyncDispose]()
  })

  async function startSleeper(): Promise<number> {
    const { id } = await system.api.uploadBuild(
      PROJECT,
      await sources.make({ name: 'sleeper', build: FOR_EVER }),
    )
    await until(async () => (await system.api.log(id)).includes('\nsleeping for ever'), {
      timeout_ms: 30_000,
      what: 'the build to sleep',
    })
    return id
  }

  test('the builder is free within 5 s of the cancellation', async (t) => {
    const running = await startSleeper()
    const next = await system.api.uploadBuild(PROJECT, await sources.make({ name: 'next' }))
    await until(async () => (await system.api.build(next.id)).state === 'pending', {
      timeout_ms: 15_000,
      what: 'the second build to wait for the builder',
    })
    const began = performance.now()
    assert.equal((await system.api.cancel(running)).state, 'canceled')
    await system.api.waitForState(next.id, ['starting', 'running', 'succeeded'], 5_000)
    t.diagnostic(
      `the next build started ${Math.round(performance.now() - began)} ms after the cancel`,
    )
    assert.equal((await system.api.waitForBuild(next.id)).state, 'succeeded')
    assert.equal((await system.api.build(running)).state, 'canceled')
    assert.match(await system.api.log(running), /sleeping for ever[^]*canceled/i)
    await assertBuildersIdle(system.dataDir)
  })

  test('a build that is waiting for a builder is canceled at once', async () => {
    const running = await startSleeper()
    const { id } = await system.api.uploadBuild(PROJECT, await sources.make({ name: 'queued' }))
    await system.api.waitForState(id, ['pending'], 15_000)
    assert.equal((await system.api.cancel(id)).state, 'canceled')
    await system.api.cancel(running)
    const after_it = await system.api.uploadBuild(
      PROJECT,
      await sources.make({ name: 'after-queued' }),
    )
    assert.equal((await system.api.waitForBuild(after_it.id)).state, 'succeeded')
    const { state, chroots } = await buildSummary(system, id)
    assert.equal(state, 'canceled')
    assert.deepEqual(
      chroots.map((chroot) => [chroot.state, chroot.result_dir]),
      [['canceled', null]],
    )
  })

  test('a build is canceled while it is imported', async () => {
    const content = randomBytes(64 * 1024 * 1024)
    const large = await sources.make({ name: 'large', source: { name: 'noise.bin', content } })
    const { id, state } = await system.api.uploadBuild(PROJECT, large)
    assert.equal(state, 'importing')
    assert.equal((await system.api.cancel(id)).state, 'canceled')
    const { id: other } = await system.api.uploadBuild(
      PROJECT,
      await sources.make({ name: 'after-import' }),
    )
    assert.equal((await system.api.waitForBuild(other)).state, 'succeeded')
    const facts = await buildSummary(system, id)
    assert.equal(facts.state, 'canceled')
    assert.equal(facts.chroots[0]?.started_at ?? null, null, 'it never starts')
  })

  test('a finished build cannot be canceled', async () => {
    const { id } = await system.api.uploadBuild(PROJECT, await sources.make({ name: 'finished' }))
    await system.api.waitForBuild(id)
    const { status, body } = await system.api.raw('PUT', `build/cancel/${id}`)
    assert.equal(status, 409)
    assert.match(String(body['error']), /finished|cannot/i)
  })

  test('a build that exceeds its timeout fails with that reason', async () => {
    const srpm = await sources.make({ name: 'too-slow', build: FOR_EVER })
    const { id } = await system.api.uploadBuild(PROJECT, srpm, { timeout: 6 })
    assert.equal((await system.api.waitForBuild(id, 60_000)).state, 'failed')
    assert.match(await failReason(system, id), /timeout of 6 seconds/)
    assert.match(await system.api.log(id), /timeout of 6 seconds/)
    await assertBuildersIdle(system.dataDir)
  })

  test('the staging folder is empty, and the system stops cleanly', async () => {
    await until(() => listTree(`${system.dataDir}/staging`).length === 0, {
      timeout_ms: 10_000,
      what: 'staging to be empty',
      seen: () => listTree(`${system.dataDir}/staging`),
    })
    await system.stop()
  })
})
