import { createHash } from 'node:crypto'

/** A key by which failures are counted, and the number of failures that cause no delay. */
export interface Counted {
  /** An address, an account, or both: `token of 192.0.2.7`. */
  key: string
  free: number
}

export interface Attempts {
  /** Returns for how many seconds an attempt with this credential must be refused without checking it; 0 if it may be checked now. */
  wait(counted: readonly Counted[], credential: string): number
  failed(counted: readonly Counted[], credential: string): void
  /** Records that this credential is correct: from now on, failures of other credentials do not delay it. */
  succeeded(credential: string): void
  hasSucceeded(credential: string): boolean
}

interface Failures {
  count: number
  last_at: number
  blocked_until: number
}

/**
 * Maximum number of keys with failures, and of correct credentials, that are remembered, so that made-up addresses cannot fill the memory.
 */
const MAX_KEPT = 20_000
const FORGOTTEN_MS = 10 * 60 * 1000
const MAX_DELAY_MS = 60 * 1000

/**
 * Counts failed attempts; each one doubles the delay before the next attempt. Once a credential has succeeded, it is not delayed until it
 * fails again, so nobody can lock out others by guessing. The counts are in memory: each process has its own, and loses them when it
 * restarts.
 */
export function openAttempts(now: () => Date): Attempts {
  const failures = new Map<string, Failures>()
  const good = new Set<string>()
  return {
    wait(counted, credential) {
      if (good.has(hashOf(credential))) return 0
      const at = now().getTime()
      const until = Math.max(0, ...counted.map(({ key }) => failures.get(key)?.blocked_until ?? 0))
      return Math.max(0, Math.ceil((until - at) / 1000))
    },
    failed(counted, credential) {
      good.delete(hashOf(credential))
      const at = now().getTime()
      for (const { key, free } of counted) {
        const before = failures.get(key)
        const isOld = before !== undefined && at - before.last_at >= FORGOTTEN_MS
        const count = before === undefined || isOld ? 1 : before.count + 1
        // The key is reinserted at the end, so that the key whose last failure is the oldest is dropped first.
        failures.delete(key)
        failures.set(key, { count, last_at: at, blocked_until: at + delayOf(count - free) })
        dropFirst(failures)
      }
    },
    succeeded(credential) {
      const hash = hashOf(credential)
      good.delete(hash)
      good.add(hash)
      dropFirst(good)
    },
    hasSucceeded: (credential) => good.has(hashOf(credential)),
  }
}

/**
 * Returns the delay in milliseconds after `surplus` failures beyond those that cause no delay: one second for the first one, and twice as
 * long for each further one, up to `max_ms`.
 */
export function delayOf(surplus: number, max_ms = MAX_DELAY_MS): number {
  return surplus <= 0 ? 0 : Math.min(max_ms, 1000 * 2 ** Math.min(surplus - 1, 30))
}

function dropFirst(kept: Map<string, unknown> | Set<string>): void {
  if (kept.size <= MAX_KEPT) return
  for (const first of kept.keys()) {
    kept.delete(first)
    return
  }
}

/** Hashes a credential, so that the secret itself is not kept in memory. */
function hashOf(credential: string): string {
  return createHash('sha256').update(credential).digest('base64')
}
