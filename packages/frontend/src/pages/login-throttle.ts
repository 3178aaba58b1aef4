const WINDOW_MS = 10 * 60 * 1000
const MAX_FAILURES = 10
/** Beyond this many names the oldest is forgotten. */
const MAX_KEYS = 10_000

/** Remembers failed logins, so that passwords cannot be guessed by trying. */
export class LoginThrottle {
  readonly #failures = new Map<string, { count: number; since: number }>()

  isBlocked(key: string, now: Date): boolean {
    const found = this.#failures.get(key)
    return (
      found !== undefined && found.count >= MAX_FAILURES && now.getTime() - found.since < WINDOW_MS
    )
  }

  failed(key: string, now: Date): void {
    const found = this.#failures.get(key)
    const isRecent = found !== undefined && now.getTime() - found.since < WINDOW_MS
    this.#failures.delete(key)
    this.#failures.set(
      key,
      isRecent ? { ...found, count: found.count + 1 } : { count: 1, since: now.getTime() },
    )
    const oldest = this.#failures.keys().next().value
    if (this.#failures.size > MAX_KEYS && oldest !== undefined) this.#failures.delete(oldest)
  }

  succeeded(key: string): void {
    this.#failures.delete(key)
  }
}
