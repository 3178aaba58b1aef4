/**
 * Limits the number of concurrent calls. The waiting call with the smallest key is admitted next; calls with equal keys are admitted in
 * order of arrival. Keys are compared number by number.
 */
export class PriorityLimiter {
  #free: number
  readonly #waiting: { key: readonly number[]; begin: () => void }[] = []

  constructor(at_a_time: number) {
    this.#free = at_a_time
  }

  async take<T>(key: readonly number[], use: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((begin) => this.#waiting.push({ key, begin }))
    try {
      return await use()
    } finally {
      const next = this.#takeNext()
      if (next) next.begin()
      else this.#free++
    }
  }

  #takeNext(): { begin: () => void } | undefined {
    const best = this.#waiting.reduce(
      (found, each, at) => (isBefore(each.key, this.#waiting[found]?.key ?? []) ? at : found),
      0,
    )
    return this.#waiting.splice(best, 1)[0]
  }
}

function isBefore(key: readonly number[], other: readonly number[]): boolean {
  for (const [at, value] of key.entries()) {
    const difference = value - (other[at] ?? value)
    if (difference !== 0) return difference < 0
  }
  return false
}
