import { setTimeout as sleep } from 'node:timers/promises'

export interface TokenBucketOptions {
  capacity: number
  per_second: number
  now_ms?: () => number
}

export type TokenBucket = ReturnType<typeof tokenBucket>

/** Paces calls as the cloud does, so that it does not have to: a burst of `capacity`, then so many a second. */
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
  /** Takes a token, if need be one that is yet to come; says how long that takes. */
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
    /** The cloud says that there are none left: others use the account too. */
    drain(): void {
      refill()
      tokens = Math.min(tokens, 0)
    },
  }
}
