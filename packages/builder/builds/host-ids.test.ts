import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  fixture,
  skip,
  specOf,
  start,
  uniqueSeconds,
  useFixture,
} from '../src/testing/engine-suite.ts'
import { projectRepository } from '../src/testing/project-repository.ts'
import { isMapped, takeIdRange } from '../src/sandbox/id-range.ts'
import { runSandboxed } from '../src/sandbox/sandbox.ts'

useFixture()

/** All ids of sandboxes are above those of accounts and of systemd's containers. */
const FIRST_ID = 0x7000_0000
/** The supervisor is in a PID namespace of its own, and the sandbox in another one inside of that. */
const LEVELS = 2
/** Milliseconds between two checks of all processes. */
const LOOK_MS = 20

interface SandboxProcess {
  pid: number
  command: string
  /** Real, effective, saved and file system ids of user and group, as the host sees them. */
  ids: number[]
  user_namespace: string
}

async function statusOf(pid: string): Promise<Map<string, string[]>> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return new Map(
    text.split('\n').map((line) => [line.split(':')[0] ?? '', line.split(/\s+/).slice(1)]),
  )
}

/** Whether a process was started by this one: other tests on this machine run sandboxes without some of the barriers. */
async function isOurs(pid: string): Promise<boolean> {
  const parent = (await statusOf(pid)).get('PPid')?.[0] ?? '0'
  return parent === String(process.pid) || (parent !== '0' && (await isOurs(parent)))
}

/** Returns the processes in sandboxes of this test. */
async function sandboxProcesses(): Promise<SandboxProcess[]> {
  const own = (await statusOf('self')).get('NSpid')?.length ?? 1
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    pids.map(async (pid): Promise<SandboxProcess[]> => {
      // Read before the ids, which are final once the command has replaced the runtime's own code, which changes them one by one.
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      const status = await statusOf(pid)
      if ((status.get('NSpid')?.length ?? 0) < own + LEVELS) return []
      const user_namespace = await readlink(`/proc/${pid}/ns/user`).catch(() => '')
      const ids = ['Uid', 'Gid', 'Groups'].flatMap((name) => status.get(name) ?? [])
      const numbers = ids.filter(Boolean).map(Number)
      if (!(await isOurs(pid))) return []
      // A process without a namespace has ended.
      if (user_namespace === '' || /^(?:runc\0init|crun)\0/.test(command)) return []
      return [{ pid: Number(pid), command, ids: numbers, user_namespace }]
    }),
  )
  return found.flat()
}

/** Returns all processes in sandboxes; asserts that none of them has an id of the host. */
async function assertForeign(): Promise<SandboxProcess[]> {
  const host = await readlink('/proc/self/ns/user')
  const processes = await sandboxProcesses()
  assert.deepEqual(
    processes.filter((one) => one.ids.some((id) => id < FIRST_ID) || one.user_namespace === host),
    [],
  )
  return processes
}

/** Checks the ids of all processes until `sleep` was seen in a sandbox with each of these durations; kills each `sleep` that was seen. */
async function checkWhile(sleeps: string[], isOver: () => boolean): Promise<void> {
  const awaited = new Set(sleeps)
  while (awaited.size > 0) {
    const wasOver = isOver()
    for (const { pid, command } of await assertForeign()) {
      const [program, seconds = ''] = command.split('\0')
      if (program !== 'sleep' || !awaited.delete(seconds)) continue
      // SIGTERM would not suffice: rpm blocks it during transactions, and Lua scriptlets leave it blocked for their programs.
      process.kill(pid, 'SIGKILL')
    }
    assert.ok(
      !wasOver || awaited.size === 0,
      `nothing slept for ${[...awaited].join(', ')} seconds`,
    )
    await sleep(LOOK_MS)
  }
}

test('no process in a native build runs as user 0 of the host', { skip }, async (t) => {
  await using ids = await takeIdRange()
  if (!isMapped(ids)) return t.skip('this machine cannot map ids')
  const { repos, addWithScriptlets } = await projectRepository('ids')
  const seconds = Object.fromEntries(
    ['pre', 'post', 'lua', 'macro', 'prep', 'generate', 'build', 'check'].map((name) => [
      name,
      uniqueSeconds(),
    ]),
  ) as Record<string, string>
  const wait = (name: string): string => `sleep ${seconds[name]} || :`
  // Sections and macros run several times.
  const once = (name: string): string =>
    `test -e /builddir/waited-${name} || { touch /builddir/waited-${name}; ${wait(name)}; }`
  await addWithScriptlets('scriptlets', `%pre\n${wait('pre')}\n%post\n${wait('post')}`)
  await addWithScriptlets('luascript', `%post -p <lua>\nos.execute("${wait('lua')}")`)
  const spec = specOf({
    head: `BuildRequires: scriptlets, luascript\n%global waited %(${once('macro')})`,
    prep: once('prep'),
    build: once('build'),
    check: once('check'),
  }).replace('%build', `%generate_buildrequires\n${once('generate')}\n%build`)
  const { context, outcome } = start(await fixture.task(spec, { repos }))
  let isOver = false
  const done = outcome.finally(() => {
    isOver = true
  })
  try {
    await checkWhile(Object.values(seconds), () => isOver)
  } catch (error) {
    context.abort('canceled')
    await done
    throw error
  }
  assert.equal((await done).outcome, 'succeeded', context.text())
})

test('no process of a root-phase sandbox runs as user 0 of the host', { skip }, async (t) => {
  await using ids = await takeIdRange()
  if (!isMapped(ids)) return t.skip('this machine cannot map ids')
  const dir = join(fixture.dir, 'root-phase')
  const root = { layers: [join(dir, 'lower')], changes: join(dir, 'changes') }
  await mkdir(join(dir, 'lower'), { recursive: true })
  await mkdir(root.changes)
  const programs = ['/usr', '/bin', '/lib', '/lib64'].filter((path) => existsSync(path))
  const seconds = uniqueSeconds()
  let isOver = false
  const running = runSandboxed({
    root,
    as: 'root',
    command: ['sleep', seconds],
    binds: programs.map((path) => ({
      from: path,
      to: path,
      changes: 'forbidden' as const,
    })),
    signal: new AbortController().signal,
  }).finally(() => {
    isOver = true
  })
  await checkWhile([seconds], () => isOver)
  assert.equal((await running).code, 128 + 9)
})
