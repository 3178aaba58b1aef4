import { randomInt } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { takeLock } from '../lock.ts'

/** The range of host IDs to which the IDs 0 to count - 1 of a user namespace are mapped. */
export interface IdRange {
  first: number
  count: number
}

/** The IDs of a sandbox, and one ID outside of its range for a program that serves the sandbox. */
export type SandboxIds = IdRange & { helper: number }

/**
 * Returns whether the sandbox's IDs are mapped to other IDs on the host. If so, its mounts are idmapped: files on disk have the sandbox's
 * IDs.
 */
export function isMapped({ first }: IdRange): boolean {
  return first !== 0
}

/**
 * The first ID of the first range, directly above the IDs that systemd assigns to containers. All ranges are below 2^31, because some
 * programs treat higher IDs as negative.
 */
const FIRST_ID = 0x7000_0000
const RANGE_IDS = 65_536
const RANGES = 4095
const ALL_IDS = 4_294_967_295
const LOCK_DIR = '/run/copr-builder/ids'

/**
 * Takes a range of host IDs that no account and no other sandbox on this machine uses. Disposing releases it. In a container with its own
 * user namespace, which already keeps its IDs apart from the host's, returns all IDs of that namespace.
 */
export async function takeIdRange(signal?: AbortSignal): Promise<SandboxIds & AsyncDisposable> {
  const own = idsOfContainer(await readFile('/proc/self/uid_map', 'utf8'))
  if (own !== undefined)
    return {
      first: 0,
      count: own - 1,
      helper: own - 1,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
  await mkdir(LOCK_DIR, { recursive: true, mode: 0o700 })
  // Builders in containers do not share the locks. A random start makes it unlikely that they choose the same range.
  const start = randomInt(RANGES)
  for (let step = 0; step < RANGES; step++) {
    const index = (start + step) % RANGES
    const options = { wait: false, ...(signal && { signal }) }
    const lock = await takeLock(join(LOCK_DIR, String(index)), options)
    if (!lock) continue
    const first = FIRST_ID + index * RANGE_IDS
    return {
      first,
      count: RANGE_IDS - 1,
      helper: first + RANGE_IDS - 1,
      [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose](),
    }
  }
  throw new Error(`All ${RANGES} id ranges for sandboxes are in use (locks in ${LOCK_DIR})`)
}

/** Returns the number of IDs, from 0 on, in a container's own user namespace; undefined in the initial namespace. */
export function idsOfContainer(uidMap: string): number | undefined {
  const counts = uidMap
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
  const [inside, , count] = counts.find(([first]) => first === 0) ?? []
  return inside === undefined || count === ALL_IDS ? undefined : count
}
