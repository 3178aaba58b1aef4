import { createHash } from 'node:crypto'

/** A key by which failures are counted, and the number of them that cost nothing. */
export interface Counted {
  /** An address, an account, or both: `token of 192.0.2.7`. */
  key: string
  free: number
}

export interface Attempts {
  /** For how many seconds an attempt with this proof is refused unseen; 0: look at it now. */
  wait(counted: readonly Counted[], proof: string): number
  failed(counted: readonly Counted[], proof: string): void
  /** From now on this proof is looked at whatever others do wrong. */
  succeeded(proof: string): void
  hasSucceeded(proof: string): boolean
}

interface Failures {
  count: number
  last_at: number
  blocked_until: number
}

/** Limits failures and proofs each, so that nobody fills the memory with made up addresses. */
const MAX_KEPT = 20_000
const FORGOTTEN_MS = 10 * 60 * 1000
const MAX_DELAY_MS = 60 * 1000

/**
 * Failed attempts, each of which doubles the delay before the next one. A proof that was right before is never delayed:
 * a guesser locks nobody out. In the memory of one process: another one, or the next, counts for itself.
 */
export function openAttempts(now: () => Date): Attempts {
  const failures = new Map<string, Failures>()
  const good = new Set<string>()
  return {
    wait(counted, proof) {
      if (good.has(hashOf(proof))) return 0
      const at = now().getTime()
      const until = Math.max(0, ...counted.map(({ key }) => failures.get(key)?.blocked_until ?? 0))
      return Math.max(0, Math.ceil((until - at) / 1000))
    },
    failed(counted, proof) {
      good.delete(hashOf(proof))
      const at = now().getTime()
      for (const { key, free } of counted) {
        const before = failures.get(key)
        const isOld = before !== undefined && at - before.last_at >= FORGOTTEN_MS
        const count = before === undefined || isOld ? 1 : before.count + 1
        // Entered last: the one that failed longest ago goes first.
        failures.delete(key)
        failures.set(key, { count, last_at: at, blocked_until: at + delayOf(count - free) })
        dropFirst(failures)
      }
    },
    succeeded(proof) {
      const hash = hashOf(proof)
      good.delete(hash)
      good.add(hash)
      dropFirst(good)
    },
    hasSucceeded: (proof) => good.has(hashOf(proof)),
  }
}

/** One second after the first failure too many, then twice as long each time. */
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

/** Secrets do not lie about in memory. */
function hashOf(proof: string): string {
  return createHash('sha256').update(proof).digest('base64')
}
