import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import {
  chmod,
  copyFile,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runOrThrow } from '@copr/process/run'
import { takeIdRange } from '../../id-range.ts'
import type { SandboxPhase } from '../../oci-config.ts'
import { planSandbox, runPlan, type SandboxOptions, type SandboxPlan } from '../../sandbox.ts'
import { processesWith } from '../../../testing/processes.ts'
import { type Barrier, type Outside, removeBarriers } from '../barriers.ts'

const ATTEMPTS = fileURLToPath(new URL('../attempts', import.meta.url))
const TARGETS = fileURLToPath(new URL('../targets.py', import.meta.url))
/** The directory of the attempts' programs in a sandbox. */
const PROGRAMS = '/escape'

/** The report of an attempt: `worked`, `refused` by the kernel, `missing` on this machine, or a `fault` of the attempt itself. */
interface Attempted {
  name: string
  outcome: 'worked' | 'refused' | 'missing' | 'fault'
  why: string
}

/** Runs attempts against objects outside of the sandbox: on the host, and in another sandbox that runs at the same time. */
export interface EscapeFixture extends AsyncDisposable {
  /** Makes the attempts in a sandbox for this phase, with some barriers removed. */
  inSandbox(phase: SandboxPhase, names: string[], without?: Barrier[]): Promise<Attempted[]>
  /** Makes the attempts on the host. */
  onHost(names: string[]): Promise<Attempted[]>
  /** Returns whether the file that attempts try to write is unchanged. */
  isUnchanged(): Promise<boolean>
}

export async function escapeFixture(): Promise<EscapeFixture> {
  await using hold = new AsyncDisposableStack()
  // Not in /tmp, because a control run shares /tmp with the sandbox.
  const dir = await mkdtemp('/var/tmp/copr-escape-')
  hold.defer(() => rm(dir, { recursive: true, force: true }))
  const word = `escape-${process.pid}-${randomInt(1e9)}`
  const files = await makeFiles(dir, word)
  const programs = join(dir, 'programs')
  await cp(ATTEMPTS, programs, { recursive: true })
  await copyFile(TARGETS, join(programs, 'targets.py'))
  const lower = await makeLower(dir)

  const host = await startTargets(hold, word)
  const ending = new AbortController()
  const neighbor = await startNeighbor({ dir, lower, programs, word, signal: ending.signal })
  hold.defer(async () => {
    ending.abort()
    await neighbor.ended
  })
  const outside: Outside = {
    dir: join(dir, 'outside'),
    namespaces: await shareNamespaces(hold, dir, neighbor.pid),
    neighbor_tmp: neighbor.tmp,
  }
  const targets = {
    marker: word,
    files,
    shadow: await readFile('/etc/shadow', 'utf8'),
    handle: await handleOf(files.agent),
    disk: await diskOf(dir),
    addresses: addressesOfHost(),
    host,
    neighbor: neighbor.targets,
    setuid_id: '/opt/setuid-id',
    capable_cat: '/opt/capable-cat',
  }
  let count = 0
  const kept = hold.move()
  return {
    async inSandbox(phase, names, without = []) {
      await using ids = await takeIdRange()
      const changes = join(dir, `changes-${++count}`)
      await mkdir(changes)
      const plan = await planSandbox(
        optionsOf(phase, { lower, changes, programs, names, count }),
        ids,
      )
      const own = { same_file_system: PROGRAMS, cgroup: plan.config.linux.cgroupsPath }
      await writeFile(
        join(programs, `targets-${count}.json`),
        JSON.stringify({ ...targets, ...own }),
      )
      removeBarriers(plan, without, outside)
      return await outcomesOf(plan, names)
    },
    async onHost(names) {
      const path = join(programs, 'targets-host.json')
      await writeFile(path, JSON.stringify({ ...targets, same_file_system: programs, cgroup: '/' }))
      return parse(
        await runOrThrow('/usr/bin/python3', ['-B', join(programs, 'main.py'), path, ...names]),
      )
    },
    isUnchanged: async () => (await readFile(files.writable, 'utf8')) === word,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

async function outcomesOf(plan: SandboxPlan, names: string[]): Promise<Attempted[]> {
  const { signal } = new AbortController()
  const { code, output } = await runPlan(plan, { signal })
  const outcomes = parse(output)
  if (code !== 0 || outcomes.length !== names.length)
    throw new Error(`The attempts ended with code ${code}: ${output.slice(-2000)}`)
  return outcomes
}

function parse(output: string): Attempted[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Attempted)
}

function optionsOf(
  phase: SandboxPhase,
  {
    lower,
    changes,
    programs,
    names,
    count,
  }: { lower: Lower; changes: string; programs: string; names: string[]; count: number },
): SandboxOptions {
  return {
    root: { layers: [lower.dir], changes },
    as: phase,
    command: [
      'python3',
      '-B',
      `${PROGRAMS}/main.py`,
      `${PROGRAMS}/targets-${count}.json`,
      ...names,
    ],
    binds: [
      { from: programs, to: PROGRAMS, changes: 'forbidden' },
      ...(phase === 'tools'
        ? []
        : lower.programs.map((path) => ({ from: path, to: path, changes: 'forbidden' as const }))),
    ],
    signal: new AbortController().signal,
  }
}

/** Writes files that every user may read, but that no sandbox should be able to read: they are protected only by the sandbox's barriers. */
async function makeFiles(dir: string, word: string) {
  const paths = {
    agent: 'agent/token',
    other_build: 'builds/build-other/builddir/source',
    cached_layer: 'cache/layers/upper/file',
    writable: 'writable',
  }
  await mkdir(join(dir, 'outside'))
  await chmod(dir, 0o755)
  await chmod(join(dir, 'outside'), 0o777)
  const files = Object.entries(paths).map(
    ([name, path]) => [name, join(dir, 'outside', path)] as const,
  )
  for (const [, path] of files) {
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, word)
    await chmod(path, 0o666)
  }
  const [etc, share] = [join(dir, 'outside/etc'), join(dir, 'outside/share')]
  await mkdir(etc)
  await mkdir(share)
  await writeFile(join(etc, 'shadow'), await readFile('/etc/shadow'), { mode: 0o600 })
  await writeFile(join(share, 'escape-probe'), word)
  return Object.fromEntries(files) as Record<keyof typeof paths, string>
}

interface Lower {
  dir: string
  /** Directories of the host that the programs in this root file system need. */
  programs: string[]
}

/** Makes a root file system in which the host's programs run, and adds some privileged programs. */
async function makeLower(dir: string): Promise<Lower> {
  const root = join(dir, 'lower')
  const programs = ['/usr']
  for (const name of ['opt', 'tmp', 'usr', 'etc'])
    await mkdir(join(root, name), { recursive: true })
  await chmod(join(root, 'tmp'), 0o1777)
  for (const name of ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']) {
    const found = await lstat(`/${name}`).catch(() => undefined)
    if (found?.isSymbolicLink()) await symlink(await readlink(`/${name}`), join(root, name))
    else if (found?.isDirectory()) programs.push(`/${name}`)
  }
  await copyFile('/usr/bin/id', join(root, 'opt/setuid-id'))
  await chmod(join(root, 'opt/setuid-id'), 0o4755)
  await copyFile('/usr/bin/cat', join(root, 'opt/capable-cat'))
  await chmod(join(root, 'opt/capable-cat'), 0o755)
  const capability = `import os, struct, sys; os.setxattr(sys.argv[1], 'security.capability', struct.pack('<5I', 0x2000001, 2, 0, 0, 0))`
  await runOrThrow('/usr/bin/python3', ['-c', capability, join(root, 'opt/capable-cat')])
  return { dir: root, programs }
}

async function startTargets(hold: AsyncDisposableStack, word: string) {
  const child = spawn('/usr/bin/python3', [TARGETS, `${word}-host`, String(randomInt(2 ** 31))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  hold.defer(async () => {
    const closed = once(child, 'close')
    child.stdin?.end()
    await closed
  })
  return { ...(JSON.parse(await firstLine(child)) as object), pid: child.pid }
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [chunk] = (await once(child.stdout ?? child, 'data')) as [Buffer]
  return chunk.toString('utf8')
}

async function startNeighbor({
  dir,
  lower,
  programs,
  word,
  signal,
}: {
  dir: string
  lower: Lower
  programs: string
  word: string
  signal: AbortSignal
}) {
  const changes = join(dir, 'changes-neighbor')
  await mkdir(changes)
  const name = `${word}-neighbor`
  const ids = await takeIdRange()
  const options = optionsOf('build', { lower, changes, programs, names: [], count: 0 })
  options.command = ['python3', '-B', `${PROGRAMS}/targets.py`, name, String(randomInt(2 ** 31))]
  const answer = Promise.withResolvers<string>()
  const run = runPlan(await planSandbox(options, ids), {
    signal,
    onOutput: (chunk) => {
      if (chunk.toString('utf8').startsWith('{')) answer.resolve(chunk.toString('utf8'))
    },
  })
  const ended = run
    .then(
      ({ output }) => answer.reject(new Error(`The neighbor ended: ${output}`)),
      (error: unknown) => answer.reject(error),
    )
    .finally(() => ids[Symbol.asyncDispose]())
  const targets = JSON.parse(await answer.promise) as object
  const pid = (await processesWith(name)).find(({ command }) => command[0] === 'python3')?.pid
  if (pid === undefined) throw new Error('The neighbor does not run')
  return { pid, targets: { ...targets, pid }, tmp: join(changes, 'upper/tmp'), ended }
}

/** Mounts namespaces on files, through which control runs can join them. */
async function shareNamespaces(
  hold: AsyncDisposableStack,
  dir: string,
  neighbor: number,
): Promise<Outside['namespaces']> {
  const sources = {
    host_ipc: '/proc/self/ns/ipc',
    neighbor_ipc: `/proc/${neighbor}/ns/ipc`,
    neighbor_network: `/proc/${neighbor}/ns/net`,
  }
  const places = { ...sources }
  for (const [name, source] of Object.entries(sources) as [keyof typeof sources, string][]) {
    places[name] = join(dir, name)
    await writeFile(places[name], '')
    await runOrThrow('mount', ['--bind', source, places[name]])
    hold.defer(async () => void (await runOrThrow('umount', [places[name]])))
  }
  return places
}

/** Returns the handle that open_by_handle_at(2) needs to open a file, in hexadecimal. */
async function handleOf(path: string): Promise<string> {
  const program = `
import ctypes, sys
handle, mount = ctypes.create_string_buffer(b'\\x80', 136), ctypes.c_int()
if ctypes.CDLL(None).name_to_handle_at(-100, sys.argv[1].encode(), handle, ctypes.byref(mount), 0): raise SystemExit('no handle')
print(handle.raw.hex())`
  return (await runOrThrow('/usr/bin/python3', ['-c', program, path])).trim()
}

/** Returns the major and minor number of the device with the file system of a directory. */
async function diskOf(dir: string): Promise<[number, number]> {
  const { dev } = await lstat(dir)
  return [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)]
}

/** Returns the host's addresses, except loopback addresses and link-local addresses; the latter are usable only together with a device. */
function addressesOfHost(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80'))
    .map(({ address }) => address)
}
