import assert from 'node:assert/strict'
import { closeSync, openSync, writeSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { MachineFault } from '@copr/agent/machine-fault'
import { buildDiskBytes } from '../src/disk/build-disk-size.ts'
import { openBuildDisk } from '../src/disk/build-disk.ts'
import { mountsBelow, readMounts } from '../src/disk/mounts.ts'
import { buildNatively } from '../src/native-engine.ts'
import { recordedContext } from '../src/testing/build-fixture.ts'
import {
  build,
  fixture,
  noDisk,
  reasonOf,
  specOf,
  start,
  useFixture,
} from '../src/testing/engine-suite.ts'

useFixture({ warm: true })
const skip = noDisk
const MIB = 1024 ** 2
const GIB = 1024 ** 3

/** Limits for a small disk, which has 4,096 inodes. */
const SMALL = { max_log_bytes: 1e6, max_result_bytes: 1e9, max_disk_bytes: 64 * MIB }

test(
  'a build that fills its disk fails with that reason, and its log is complete',
  { skip },
  async () => {
    const script = 'head -c 1G /dev/zero >big || { echo was full; exit 1; }'
    const task = await fixture.task(specOf({ build: script }), { limits: SMALL })
    const { context, outcome } = await build(task)
    assert.equal(outcome.outcome, 'failed', context.text())
    assert.equal(
      reasonOf(outcome),
      'the build filled its disk of 64 MiB: rpmbuild exited with code 1: %build failed',
    )
    const path = context.uploads.get('build.log.gz') ?? assert.fail('the log was not uploaded')
    assert.match(
      gunzipSync(await readFile(path)).toString(),
      /No space left on device\n(\+ .*\n)?was full\n/,
    )
    assert.deepEqual(context.unclean, [])
    const builds = join(fixture.dir, 'builds')
    assert.deepEqual(await readdir(builds), [])
    assert.deepEqual(mountsBelow(builds, await readMounts()), [])
  },
)

test(
  'a build that creates more files than its disk can hold fails with that reason',
  { skip },
  async () => {
    const script = 'i=0; while : >"file$i"; do i=$((i + 1)); done 2>/dev/null; exit 1'
    const task = await fixture.task(specOf({ build: script }), { limits: SMALL })
    const { context, outcome } = await build(task)
    assert.equal(outcome.outcome, 'failed', context.text())
    assert.match(
      reasonOf(outcome),
      /^the build created more files than its disk of 64 MiB can hold \(4096\): rpmbuild exited/,
    )
  },
)

test('a build that fills its disk and removes the files again can succeed', { skip }, async () => {
  const script = 'head -c 1G /dev/zero >big || rm big'
  const { context, outcome } = await build(
    await fixture.task(specOf({ build: script }), { limits: SMALL }),
  )
  assert.equal(outcome.outcome, 'succeeded', context.text())
})

test(
  "packages that do not fit on the build's disk fail the build and leave no cached root",
  { skip },
  async () => {
    const cache_dir = join(fixture.dir, 'empty-cache')
    const context = recordedContext(join(fixture.dir, 'no-space'))
    const outcome = await buildNatively(await fixture.task(specOf(), { limits: SMALL }), context, {
      builds_dir: join(fixture.dir, 'builds'),
      cache_dir,
      own_disk: true,
    })
    assert.equal(outcome.outcome, 'failed', context.text())
    assert.match(reasonOf(outcome), /^the build filled its disk of 64 MiB: /)
    const cached = await readdir(join(cache_dir, 'roots'))
    assert.deepEqual(
      cached.filter((name) => !name.endsWith('.lock')),
      [],
    )
  },
)

for (const [title, code] of [
  ['fails', 1],
  ['succeeds', 0],
] as const)
  test(
    `a build that ${title} while the machine's own disk is full counts as a machine fault`,
    { skip },
    async () => {
      const dir = join(fixture.dir, `machine-${code}`)
      const machine = join(dir, 'disk')
      await mkdir(machine, { recursive: true })
      await using _disk = await openBuildDisk({
        image: join(dir, 'image'),
        mount_point: machine,
        bytes: 512 * MIB,
        signal: AbortSignal.timeout(60_000),
      })
      const builds_dir = join(machine, 'builds')
      const wait = `echo now; until [ -e /builddir/go ]; do sleep 0.1; done`
      const task = await fixture.task(specOf({ build: `${wait}; exit ${code}` }))
      const context = recordedContext(dir)
      const options = { builds_dir, cache_dir: fixture.cacheDir, own_disk: true }
      const outcome = buildNatively(task, context, options)
      await Promise.race([context.says('\nnow\n'), outcome])
      fill(join(machine, 'other'))
      const [name = ''] = await readdir(builds_dir)
      await writeFile(join(builds_dir, name, 'disk', 'builddir', 'go'), '')
      await assert.rejects(outcome, (error: MachineFault) => error.lost === 'disk_full')
    },
  )

function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (;;) writeSync(file, Buffer.alloc(MIB, 7))
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  } finally {
    closeSync(file)
  }
}

test('a canceled build frees its disk', { skip }, async () => {
  const { context, outcome } = start(
    await fixture.task(specOf({ build: 'echo now; cat /dev/urandom >big' })),
  )
  await context.says('\nnow\n')
  context.abort('canceled')
  assert.equal((await outcome).outcome, 'canceled')
  assert.deepEqual(mountsBelow(fixture.dir, await readMounts()), [])
  assert.deepEqual(context.unclean, [])
})

test('buildDiskBytes() returns the limit, or less if the machine cannot spare that much space', () => {
  const free = (bytes: number) => ({ bavail: bytes / 4096, bsize: 4096 })
  assert.equal(buildDiskBytes(40 * GIB, free(100 * GIB)), 40 * GIB)
  assert.equal(buildDiskBytes(40 * GIB, free(10 * GIB)), 9 * GIB)
  assert.equal(buildDiskBytes(40 * GIB, free(GIB)), (1024 - 192) * MIB)
  assert.throws(
    () => buildDiskBytes(40 * GIB, free(200 * MIB)),
    (error) =>
      error instanceof MachineFault &&
      error.lost === 'disk_full' &&
      error.message.endsWith(': 200 MiB are free, and 256 MiB are needed'),
  )
})
