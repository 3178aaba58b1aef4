import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { mountsBelow, readMounts } from '../src/disk/mounts.ts'
import { openScratch } from '../src/scratch.ts'
import {
  build,
  fixture,
  noDisk,
  processesWith,
  reasonOf,
  skip,
  specOf,
  start,
  uniqueSeconds,
  useFixture,
} from '../src/testing/engine-suite.ts'

useFixture()

test('a build that exceeds its timeout fails with that reason', { skip }, async () => {
  const task = await fixture.task(specOf({ build: 'sleep 1000' }), { timeout_seconds: 3 })
  const { outcome } = await build(task)
  assert.equal(reasonOf(outcome), 'the build took longer than its timeout of 3 seconds')
})

test('a build whose log exceeds the limit fails with that reason', { skip }, async () => {
  const limits = { max_log_bytes: 100_000, max_result_bytes: 1e6, max_disk_bytes: 1e9 }
  const { context, outcome } = await build(await fixture.task(specOf({ build: 'yes' }), { limits }))
  assert.equal(reasonOf(outcome), 'the build log exceeds the limit of 100000 bytes')
  assert.ok(context.text().length < 101_000)
})

test('results that exceed the size limit fail the build', { skip }, async () => {
  const limits = { max_log_bytes: 1e6, max_result_bytes: 100, max_disk_bytes: 1e9 }
  const { outcome } = await build(await fixture.task(specOf(), { limits }))
  assert.match(reasonOf(outcome), /^the results have \d+ bytes, the limit is 100$/)
})

test('a canceled build stops at once and leaves no processes or files', { skip }, async () => {
  const seconds = uniqueSeconds()
  const { context, outcome } = start(
    await fixture.task(specOf({ build: `echo now; sleep ${seconds} & sleep ${seconds}` })),
  )
  await context.says('\nnow\n')
  context.abort('canceled')
  assert.equal((await outcome).outcome, 'canceled')
  assert.match(context.text(), /Build canceled\n$/)
  assert.deepEqual(await processesWith(seconds), [])
  assert.deepEqual(await readdir(join(fixture.dir, 'builds')), [])
})

test(
  'killing a builder kills its build, and the next builder removes the files of that build',
  { skip },
  async () => {
    const seconds = uniqueSeconds()
    const task = await fixture.task(
      specOf({ build: `echo now; setsid sleep ${seconds} & sleep ${seconds}` }),
    )
    const scratch = join(fixture.dir, 'scratch')
    const program = fileURLToPath(new URL('../src/testing/killable-build.ts', import.meta.url))
    const child = spawn(
      process.execPath,
      [program, JSON.stringify(task), scratch, fixture.cacheDir],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    child.stdout.resume()
    // Stops waiting if the child exits early, because the processes would then never appear.
    while (child.exitCode === null && (await processesWith(seconds)).length < 2) await sleep(20)
    assert.equal(child.exitCode, null)
    child.kill('SIGKILL')
    await once(child, 'exit')
    while ((await processesWith(seconds)).length > 0) await sleep(20)
    // The build's disk is the only mount that outlives the child.
    const mounts = mountsBelow(scratch, await readMounts())
    assert.equal(mounts.length, noDisk ? 0 : 1, JSON.stringify(mounts))
    const left = (await readdir(scratch)).filter((name) => name.startsWith('builds-'))
    assert.equal(left.length, 1)
    await using _next = await openScratch(scratch, fixture.cacheDir)
    assert.deepEqual(mountsBelow(join(scratch, left[0] ?? ''), await readMounts()), [])
    const now = (await readdir(scratch)).filter((name) => name.startsWith('builds-'))
    assert.equal(now.length, 1)
    assert.notDeepEqual(now, left)
    // Cached buildroots contain setuid programs, so any user who could run them could become root.
    assert.equal((await stat(fixture.cacheDir)).mode & 0o077, 0)
  },
)
