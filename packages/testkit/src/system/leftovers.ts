import assert from 'node:assert/strict'
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join, relative } from 'node:path'
import { processesOf } from './processes.ts'
import { until } from './until.ts'

const mountsBelow = (dir: string): string[] =>
  readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(dir))

/** Asserts that a stopped system has left behind no process, mount or open port. */
export async function assertNothingLeft(dataDir: string, port: number): Promise<void> {
  const processes = (): string[] =>
    processesOf(dataDir).map(({ pid, args }) => `${pid} ${args.join(' ')}`)
  // The kernel takes a moment to clean up after a killed process, for example to remove its namespaces.
  const seen = (): unknown => ({ processes: processes(), mounts: mountsBelow(dataDir) })
  await until(() => processes().length === 0 && mountsBelow(dataDir).length === 0, {
    timeout_ms: 3_000,
    what: `all processes and mounts of ${dataDir} to be gone`,
    seen,
  })
  assert.equal(await answers(port), false, `something still listens at port ${port}`)
}

/** Asserts that no sandbox of a running system is in use. */
export async function assertBuildersIdle(dataDir: string): Promise<void> {
  const sandboxes = (): string[] =>
    processesOf(join(dataDir, 'builders'))
      // Excludes the agents themselves and the processes that hold the locks on the agents' folders.
      .filter(
        ({ args }) => !(args.includes('run') && args.includes('builder')) && args[0] !== 'flock',
      )
      .map(({ pid, args }) => `${pid} ${args.join(' ')}`)
  await until(
    () => sandboxes().length === 0 && mountsBelow(join(dataDir, 'builders')).length === 0,
    {
      timeout_ms: 10_000,
      what: 'the builders to be idle',
      seen: () => ({ sandboxes: sandboxes(), mounts: mountsBelow(dataDir) }),
    },
  )
}

async function answers(port: number): Promise<boolean> {
  const socket = createConnection({ host: '127.0.0.1', port })
  return await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
  }).finally(() => socket.destroy())
}

/** Lists all files below a folder as relative paths, without following links; empty if the folder does not exist. */
export function listTree(dir: string): string[] {
  if (!existsSync(dir)) return []
  const walk = (folder: string): string[] =>
    readdirSync(folder).flatMap((name) => {
      const path = join(folder, name)
      const entry = lstatSync(path, { throwIfNoEntry: false })
      if (entry === undefined) return []
      return entry.isDirectory() ? walk(path) : [relative(dir, path)]
    })
  return walk(dir).toSorted()
}
