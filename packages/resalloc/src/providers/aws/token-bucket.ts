import { setTimeout as sleep } from 'node:timers/promises'

export interface TokenBucketOptions {
  capacity: number
  per_second: number
  now_ms?: () => number
}

export type TokenBucket = ReturnType<typeof tokenBucket>

/**
 * Limits the rate of calls as the cloud does, to avoid being throttled: a burst of `capacity` calls, then `per_second` calls per second.
 */
export function tokenBucket({
  capacity,
  per_second,
  now_ms = () => performance.now(),
}: TokenBucketOptions) {
  let tokens = capacity
  let at = now_ms()
  const refill = (): void => {
    const now = now_ms()
    tokens = Math.min(capacity, tokens + ((now - at) / 1000) * per_second)
    at = now
  }
  /** Reserves a token, if necessary a future one; returns the time until it is available, in milliseconds. */
  const reserve = (): number => {
    refill()
    tokens -= 1
    return tokens >= 0 ? 0 : (-tokens / per_second) * 1000
  }
  return {
    reserve,
    async take(signal: AbortSignal): Promise<void> {
      signal.throwIfAborted()
      const wait_ms = reserve()
      if (wait_ms > 0) await sleep(wait_ms, undefined, { signal })
    },
    /** Empties the bucket after the cloud has throttled a call: other clients may use the same account and its limits. */
    drain(): void {
      refill()
      tokens = Math.min(tokens, 0)
    },
  }
}
