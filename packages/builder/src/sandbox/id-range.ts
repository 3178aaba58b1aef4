import { randomInt } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { takeLock } from '../lock.ts'

/** Host ids that the ids 0 to count - 1 of a user namespace stand for. */
export interface IdRange {
  first: number
  count: number
}

/** Directly above the ids that systemd assigns to containers, and below 2^31, which some programs take as negative. */
const FIRST_ID = 0x7000_0000
const RANGE_IDS = 65_536
const RANGES = 4095
const LOCK_DIR = '/run/copr-builder/ids'

/** Takes a range of host ids that no account and no other sandbox on this machine uses. Disposing releases it. */
export async function takeIdRange(signal?: AbortSignal): Promise<IdRange & AsyncDisposable> {
  await mkdir(LOCK_DIR, { recursive: true, mode: 0o700 })
  // Builders in containers do not share the locks. A random start makes it unlikely that they choose the same range.
  const start = randomInt(RANGES)
  for (let step = 0; step < RANGES; step++) {
    const index = (start + step) % RANGES
    const options = { wait: false, ...(signal && { signal }) }
    const lock = await takeLock(join(LOCK_DIR, String(index)), options)
    if (!lock) continue
    return {
      first: FIRST_ID + index * RANGE_IDS,
      count: RANGE_IDS,
      [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose](),
    }
  }
  throw new Error(`All ${RANGES} id ranges for sandboxes are in use (locks in ${LOCK_DIR})`)
}
