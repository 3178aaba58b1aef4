import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'
import { textAt } from '@copr/testkit/system/api-client'
import { checkPackages, readRepository } from '@copr/testkit/system/repository'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { scratchRoot } from '@copr/testkit/system/scratch-root'
import { startSystem, type System } from '@copr/testkit/system/start-system'
import { tinySources, type TinySources } from '@copr/testkit/system/tiny-srpm'

const PROJECT = 'restart'

suite('restarting the system', { skip: whyNoSystem(process.env['PATH']) }, () => {
  let system: System
  let sources: TinySources
  let built: number

  before(async () => {
    sources = tinySources()
    system = await startSystem({ builders: 2 })
    await system.api.createProject(PROJECT)
    ;({ id: built } = await system.api.uploadBuild(PROJECT, await sources.make({ name: 'kept' })))
    assert.equal((await system.api.waitForBuild(built)).state, 'succeeded', system.logs())
  })
  after(async () => {
    sources?.[Symbol.dispose]()
    await system?.[Symbol.asyncDispose]()
  })

  test('a restart changes nothing, and a running build continues', async (t) => {
    const before_it = {
      build: await system.api.build(built),
      log: await system.api.log(built),
      files: await system.api.resultFiles(built),
      credentials: system.credentials,
    }
    // Unfinished work must also survive a restart.
    const running = await system.api.uploadBuild(
      PROJECT,
      await sources.make({ name: 'goes-on', build: 'sleep 4' }),
    )
    await system.api.waitForState(running.id, ['running'], 30_000)
    const stopSeconds = await system.stop()
    await system.start()
    t.diagnostic(
      `stopped in ${stopSeconds.toFixed(1)} s, ready again after ${system.startSeconds.toFixed(1)} s`,
    )
    assert.deepEqual(
      {
        build: await system.api.build(built),
        log: await system.api.log(built),
        files: await system.api.resultFiles(built),
        credentials: system.credentials,
      },
      before_it,
    )
    assert.equal((await system.api.waitForBuild(running.id)).state, 'succeeded')
  })

  test('after a restart, the repository is still served, and dnf installs from it', async () => {
    const url = `${system.url}/results/${system.api.username}/${PROJECT}/${DISTRO_CHROOT}/`
    const content = await readRepository(url)
    assert.equal(content.packages.length, 4)
    await checkPackages(url, content)
    using root = await scratchRoot(system, PROJECT)
    await root.install('kept')
    assert.equal(readFileSync(`${root.dir}/usr/share/tiny/kept`, 'utf8'), 'kept 1.0 1\n')
    assert.match(await textAt(`${system.url}/coprs/build/${built}`), /kept/)
  })

  test('a second system refuses to start with the same data folder', async () => {
    const { run } = await import('@copr/process/run')
    const main = new URL('../../packages/cli/src/main.ts', import.meta.url).pathname
    const second = await run(process.execPath, [
      main,
      'up',
      '--data-dir',
      system.dataDir,
      '--port',
      '1',
      '--no-example',
    ])
    assert.equal(second.ok, false)
    assert.match(second.output, /is in use by the process/)
    assert.equal((await system.api.raw('GET', 'auth-check')).status, 200)
  })

  test('the system stops cleanly', async () => {
    await system.stop()
  })
})
