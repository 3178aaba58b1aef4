import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { RpmTask } from '@copr/contract/builder-protocol'
import { mountsBelow, readMounts } from '../src/disk/mounts.ts'
import type { SandboxLimits } from '../src/sandbox/limits.ts'
import {
  build,
  fixture,
  noDisk,
  processesWith,
  reasonOf,
  skip,
  specOf,
  uniqueSeconds,
  useFixture,
} from '../src/testing/engine-suite.ts'
import { projectRepository } from '../src/testing/project-repository.ts'
import { type SandboxWatch, watchSandboxes } from '../src/testing/sandbox-watch.ts'

useFixture({ warm: true })

const MIB = 1024 ** 2
const LOG_BYTES = 1_000_000
const LIMITS: SandboxLimits = {
  memory_bytes: 512 * MIB,
  open_files: 1024,
  processes: 200,
  shared_memory_bytes: 64 * MIB,
}
/** One endless line, which tail keeps in memory. */
const FILL_MEMORY = 'tail /dev/zero'
const FILL_MEMORY_IN_LUA = 'local t = {} while true do t[#t + 1] = string.rep("x", 2^20) .. #t end'
const FILL_LOG = 'yes | head -c 10G'
const FILL_DISK = 'head -c 10G /dev/zero >big'
const FILL_INODES = 'seq 10000 | xargs touch 2>/dev/null'
/** Placeholder for the duration of a sleep. Each test replaces it with a number that occurs only in the arguments of its own processes. */
const SECONDS = '_SECONDS_'
const FORK = `for i in $(seq 1000); do sleep ${SECONDS} & done; wait`

interface Hog {
  title: string
  /** The sections of the spec. */
  sections?: Parameters<typeof specOf>[0]
  /** A scriptlet of a package that the spec requires. */
  scriptlet?: string
  disk_bytes?: number
  reason: RegExp
}

const HOGS: Hog[] = [
  {
    title: 'memory in %build',
    sections: { build: FILL_MEMORY },
    reason:
      /^rpmbuild exited with code 1 because it reached its memory limit of 0\.5 GiB: %build failed$/,
  },
  {
    title: 'memory while its spec is parsed',
    sections: { head: `%{lua: ${FILL_MEMORY_IN_LUA}}` },
    reason:
      /^cannot create the SRPM: rpmbuild -bs exited with code 137 because it reached its memory limit of 0\.5 GiB$/,
  },
  {
    title: 'memory in a scriptlet of its BuildRequires',
    scriptlet: `%post\n${FILL_MEMORY}`,
    reason: /^Cannot install packages into the root: it reached its memory limit of 0\.5 GiB$/,
  },
  {
    title: 'memory in a Lua scriptlet of its BuildRequires',
    scriptlet: `%post -p <lua>\n${FILL_MEMORY_IN_LUA}`,
    reason: /^Cannot install packages into the root: it reached its memory limit of 0\.5 GiB$/,
  },
  {
    title: 'its process limit in %build',
    sections: { build: FORK },
    reason:
      /^rpmbuild exited with code 1 because it reached its limit of 200 processes: %build failed$/,
  },
  {
    title: 'its process limit in a scriptlet of its BuildRequires',
    scriptlet: `%post\n${FORK}`,
    reason: /^Cannot install packages into the root: it reached its limit of 200 processes$/,
  },
  {
    title: 'its log limit in %build',
    sections: { build: FILL_LOG },
    reason: /^the build log exceeds the limit of 1000000 bytes$/,
  },
  {
    title: 'its log limit in one line',
    sections: { build: `${FILL_LOG} | tr -d '\\n'` },
    reason: /^the build log exceeds the limit of 1000000 bytes$/,
  },
  {
    title: 'its log limit in a scriptlet of its BuildRequires',
    // dnf keeps a scriptlet's output in memory until the scriptlet ends, so 10 GB would reach the memory limit before the log limit.
    scriptlet: '%post\nyes | head -c 20M',
    reason: /^the build log exceeds the limit of 1000000 bytes$/,
  },
  {
    title: 'its disk in %build',
    sections: { build: FILL_DISK },
    disk_bytes: 64 * MIB,
    reason: /^the build filled its disk of 64 MiB: rpmbuild exited with code 1: %build failed$/,
  },
  {
    title: 'the inodes of its disk in %build',
    sections: { build: FILL_INODES },
    disk_bytes: 64 * MIB,
    reason:
      /^the build created more files than its disk of 64 MiB can hold \(4096\): rpmbuild exited with code 1: /,
  },
  {
    title: 'its disk in a scriptlet of its BuildRequires',
    scriptlet: '%post\nhead -c 10G /dev/zero >/big',
    disk_bytes: 512 * MIB,
    reason: /^the build filled its disk of 512 MiB: /,
  },
]

HOGS.forEach(({ title, sections, scriptlet, disk_bytes, reason }, index) => {
  const needs = disk_bytes === undefined ? skip : noDisk
  test(
    `a build that exhausts ${title} fails once, and leaves nothing behind`,
    { skip: needs },
    async () => {
      const seconds = uniqueSeconds()
      const name = `hog${index}`
      const more: Partial<RpmTask> = {
        limits: {
          max_log_bytes: LOG_BYTES,
          max_result_bytes: 1e9,
          max_disk_bytes: disk_bytes ?? 1024 * MIB,
        },
      }
      let text = specOf(sections)
      if (scriptlet !== undefined) {
        const { repos, addWithScriptlets } = await projectRepository(name)
        await addWithScriptlets(name, scriptlet.replaceAll(SECONDS, seconds))
        more.repos = repos
        text = specOf({ head: `BuildRequires: ${name}` })
      }
      const task = await fixture.task(text.replaceAll(SECONDS, seconds), more)
      using watch = watchSandboxes()
      const { context, outcome } = await build(task, { limits: LIMITS })
      assert.equal(outcome.outcome, 'failed', context.text())
      assert.match(reasonOf(outcome), reason, context.text())
      assert.deepEqual(context.unclean, [])
      assert.ok(context.text().length < LOG_BYTES + 1000)
      const log = context.uploads.get('root.log.gz') ?? assert.fail('the log was not uploaded')
      assert.ok(gunzipSync(await readFile(log)).length <= LOG_BYTES)
      await assertNothingLeft(watch)
      assert.deepEqual(await processesWith(seconds), [])

      const next = await build(await fixture.task(specOf()), { limits: LIMITS })
      assert.equal(next.outcome.outcome, 'succeeded', next.context.text())
    },
  )
})

test(
  'a build that leaves processes and 50,000 files behind succeeds, and none of them remain',
  { skip },
  async () => {
    const seconds = uniqueSeconds()
    const script = `for i in $(seq 150); do setsid sleep ${seconds} >/dev/null 2>&1 & done
mkdir /tmp/many; cd /tmp/many; seq 50000 | xargs touch`
    using watch = watchSandboxes()
    const { context, outcome } = await build(await fixture.task(specOf({ check: script })))
    assert.equal(outcome.outcome, 'succeeded', context.text())
    assert.deepEqual(context.unclean, [])
    await assertNothingLeft(watch)
    assert.deepEqual(await processesWith(seconds), [])
  },
)

async function assertNothingLeft(watch: SandboxWatch): Promise<void> {
  await watch.assertNothingLeft()
  const builds = join(fixture.dir, 'builds')
  assert.deepEqual(await readdir(builds), [])
  assert.deepEqual(mountsBelow(builds, await readMounts()), [])
}
