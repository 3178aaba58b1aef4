import { messageOf } from '@copr/process/errors'
import type { Logger } from '@copr/process/log'

/** Maximum number of concurrent calls per pool. Further calls wait for the next plan. */
const CALLS_OF_A_POOL = 40

/** The provider calls in progress. The plan does not wait for them: a call that hangs delays nothing else, and is ended at its deadline. */
export class Calls {
  readonly #running = new Map<string, { pool: string; ended: Promise<void> }>()
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  keys(): Set<string> {
    return new Set(this.#running.keys())
  }

  /** Starts a call unless a call with the same key is in progress or the pool already has the maximum number of calls. */
  start(key: string, pool: string, call: () => Promise<void>): void {
    const of_pool = [...this.#running.values()].filter((each) => each.pool === pool).length
    if (this.#running.has(key) || of_pool >= CALLS_OF_A_POOL) return
    const ended = call()
      .catch((error: unknown) =>
        this.#log.error({ pool, call: key, reason: messageOf(error) }, 'Call failed, retrying'),
      )
      .finally(() => this.#running.delete(key))
    this.#running.set(key, { pool, ended })
  }

  /** Resolves when no call is in progress. */
  async settled(): Promise<void> {
    while (this.#running.size > 0)
      await Promise.all([...this.#running.values()].map(({ ended }) => ended))
  }
}

/** Rejects at the deadline, even if the call ignores its signal. */
export async function withDeadline<T>(
  milliseconds: number,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController()
  const { promise: expired, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const error = new Error(`No response within ${milliseconds / 1000} seconds`)
    // A call that obeys the signal rejects with the same error.
    reject(error)
    deadline.abort(error)
  }, milliseconds)
  try {
    return await Promise.race([call(deadline.signal), expired])
  } finally {
    clearTimeout(timer)
  }
}
