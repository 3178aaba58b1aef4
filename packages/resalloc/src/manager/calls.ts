import { messageOf } from '@copr/process/errors'
import type { Logger } from '@copr/process/log'

/** Maximum concurrent calls of one pool; further ones wait for the next plan. */
const CALLS_OF_A_POOL = 40

/**
 * The calls to providers that are under way. The plan does not wait for them: one that hangs keeps nobody but itself waiting, and
 * not for long.
 */
export class Calls {
  readonly #running = new Map<string, { pool: string; ended: Promise<void> }>()
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  keys(): Set<string> {
    return new Set(this.#running.keys())
  }

  /** Does nothing when one with the key is under way, or too many of the pool. */
  start(key: string, pool: string, call: () => Promise<void>): void {
    const of_pool = [...this.#running.values()].filter((each) => each.pool === pool).length
    if (this.#running.has(key) || of_pool >= CALLS_OF_A_POOL) return
    const ended = call()
      .catch((error: unknown) =>
        this.#log.error({ pool, call: key, reason: messageOf(error) }, 'Call failed, trying again'),
      )
      .finally(() => this.#running.delete(key))
    this.#running.set(key, { pool, ended })
  }

  /** When none is under way any more. */
  async settled(): Promise<void> {
    while (this.#running.size > 0)
      await Promise.all([...this.#running.values()].map(({ ended }) => ended))
  }
}

/** Rejects at the deadline, also when the call does not listen to its signal. */
export async function withDeadline<T>(
  milliseconds: number,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController()
  const { promise: expired, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const error = new Error(`No answer within ${milliseconds / 1000} seconds`)
    // The call's own ending, if it listens, says the same.
    reject(error)
    deadline.abort(error)
  }, milliseconds)
  try {
    return await Promise.race([call(deadline.signal), expired])
  } finally {
    clearTimeout(timer)
  }
}
