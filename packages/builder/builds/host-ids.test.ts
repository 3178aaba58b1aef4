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

/** The lowest ID that a sandbox may use. IDs of accounts and of systemd's containers are lower. */
const FIRST_ID = 0x7000_0000
/** Number of nested PID namespaces: the supervisor has its own, and the sandbox has another one inside it. */
const LEVELS = 2
/** Milliseconds between two checks of all processes. */
const LOOK_MS = 20

interface SandboxProcess {
  pid: number
  command: string
  /** All IDs of the user and the groups (real, effective, saved, file system, supplementary), as the host sees them. */
  ids: number[]
  user_namespace: string
}

async function statusOf(pid: string): Promise<Map<string, string[]>> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return new Map(
    text.split('\n').map((line) => [line.split(':')[0] ?? '', line.split(/\s+/).slice(1)]),
  )
}

/** Returns whether a process descends from this one. Other tests on this machine run sandboxes without some of the barriers. */
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
      // The command is read before the IDs. The container runtime changes the IDs one by one; they are final once the command has replaced
      // the runtime's own code.
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      const status = await statusOf(pid)
      if ((status.get('NSpid')?.length ?? 0) < own + LEVELS) return []
      const user_namespace = await readlink(`/proc/${pid}/ns/user`).catch(() => '')
      const ids = ['Uid', 'Gid', 'Groups'].flatMap((name) => status.get(name) ?? [])
      const numbers = ids.filter(Boolean).map(Number)
      if (!(await isOurs(pid))) return []
      // A process without a user namespace has already ended.
      if (user_namespace === '' || /^(?:runc\0init|crun)\0/.test(command)) return []
      return [{ pid: Number(pid), command, ids: numbers, user_namespace }]
    }),
  )
  return found.flat()
}

/** Returns all processes in sandboxes; asserts that none of them has an ID of the host or is in the host's user namespace. */
async function assertForeign(): Promise<SandboxProcess[]> {
  const host = await readlink('/proc/self/ns/user')
  const processes = await sandboxProcesses()
  assert.deepEqual(
    processes.filter((one) => one.ids.some((id) => id < FIRST_ID) || one.user_namespace === host),
    [],
  )
  return processes
}

/**
 * Checks the IDs of all processes until a `sleep` with each of these durations has been seen in a sandbox. Kills each of these `sleep`
 * processes when it is seen.
 */
async function checkWhile(sleeps: string[], isOver: () => boolean): Promise<void> {
  const awaited = new Set(sleeps)
  while (awaited.size > 0) {
    const wasOver = isOver()
    for (const { pid, command } of await assertForeign()) {
      const [program, seconds = ''] = command.split('\0')
      if (program !== 'sleep' || !awaited.delete(seconds)) continue
      // SIGTERM would not be sufficient: rpm blocks it during transactions, and Lua scriptlets leave it blocked in the programs that they
      // start.
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
  // Sections and macros run several times, but must wait only once.
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
