import { CoprError } from '@copr/process/errors'

export interface RateLimits {
  project: number
  all: number
}

const MINUTE_MS = 60_000

/**
 * Limits the signatures per minute, so that somebody who has stolen a caller's credentials cannot sign any number of packages before this
 * is noticed.
 */
export class RateLimit {
  readonly #limits: RateLimits
  readonly #now: () => Date
  readonly #counts = new Map<string, { since: number; count: number }>()

  constructor(limits: RateLimits, now: () => Date) {
    this.#limits = limits
    this.#now = now
  }

  /** Counts `count` more signatures; throws if they would exceed a limit. */
  take(project: string, count: number): void {
    const now = this.#now().getTime()
    for (const [name, { since }] of this.#counts)
      if (now - since >= MINUTE_MS) this.#counts.delete(name)
    const wanted = [
      { name: `project ${project}`, limit: this.#limits.project },
      { name: 'all', limit: this.#limits.all },
    ]
    for (const { name, limit } of wanted)
      if ((this.#counts.get(name)?.count ?? 0) + count > limit)
        throw new CoprError(
          'too_many',
          `Cannot sign for ${project}: more than ${limit} signatures a minute (${name})`,
        )
    for (const { name } of wanted) {
      const entry = this.#counts.get(name) ?? { since: now, count: 0 }
      entry.count += count
      this.#counts.set(name, entry)
    }
  }
}
