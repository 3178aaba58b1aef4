import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { takeLock } from '../lock.ts'

const LOOK_MS = 50
/**
 * Maximum share of one core that the scans of the process list may use. Without a limit they would use more, because some builds start
 * thousands of processes.
 */
const MAX_SHARE = 0.1
/**
 * How long to wait until no process and no cgroup is left: longer than the kernel takes to end the processes of a PID namespace, and longer
 * than another build is likely to hold the ID range.
 */
const LEFT_MS = 60_000
const CGROUPS = '/sys/fs/cgroup'

interface Process {
  pid: number
  args: string[]
}

/** Watches the sandboxes that this process starts, and not those that other builders on the machine run at the same time. */
export interface SandboxWatch extends Disposable {
  /** Asserts that sandboxes were seen, that their processes and cgroups are gone, and that the locks of their ID ranges are free. */
  assertNothingLeft(): Promise<void>
}

export function watchSandboxes(): SandboxWatch {
  const earlier = new Set(descendants().map(({ pid }) => pid))
  const groups = new Set<string>()
  const locks = new Set<string>()
  const look = (): void => {
    for (const { pid, args } of descendants()) {
      const group = /\/copr-builder\/[0-9a-f-]{36}/.exec(read(`/proc/${pid}/cgroup`))?.[0]
      if (group !== undefined) groups.add(group)
      const lock = args.find((one) => one.startsWith('/run/copr-builder/ids/'))
      if (lock !== undefined) locks.add(lock)
    }
  }
  let timer = setTimeout(lookAgain, LOOK_MS)
  function lookAgain(): void {
    const began = performance.now()
    look()
    timer = setTimeout(lookAgain, Math.max(LOOK_MS, (performance.now() - began) / MAX_SHARE))
  }
  return {
    async assertNothingLeft() {
      clearTimeout(timer)
      assert.ok(groups.size > 0 && locks.size > 0, 'no sandbox was seen')
      const hierarchies = [CGROUPS, ...readdirSync(CGROUPS).map((name) => join(CGROUPS, name))]
      const left = (): unknown[] => [
        ...descendants().filter(({ pid }) => !earlier.has(pid)),
        ...hierarchies
          .flatMap((dir) => [...groups].map((group) => join(dir, group)))
          .filter(existsSync),
      ]
      const end = performance.now() + LEFT_MS
      while (left().length > 0 && performance.now() < end) await sleep(LOOK_MS)
      assert.deepEqual(left(), [])
      for (const lock of locks) {
        // The lock may be held: another builder may have taken the range in the meantime.
        await using _taken = await takeLock(lock, { signal: AbortSignal.timeout(LEFT_MS) })
      }
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}

/** Returns the descendants of this process, zombies included. */
function descendants(): Process[] {
  const children = Map.groupBy(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => ({ pid: Number(name), parent: parentOf(name) })),
    ({ parent }) => parent,
  )
  const below = (pid: number): number[] =>
    (children.get(pid) ?? []).flatMap((child) => [child.pid, ...below(child.pid)])
  return below(process.pid).map((pid) => ({
    pid,
    args: read(`/proc/${pid}/cmdline`).split('\0').filter(Boolean),
  }))
}

/** The command in /proc/PID/stat may contain spaces and parentheses. */
function parentOf(pid: string): number {
  const text = read(`/proc/${pid}/stat`)
  return Number(
    text
      .slice(text.lastIndexOf(')') + 1)
      .trim()
      .split(' ')[1],
  )
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // the process has ended
  }
}
