import { setTimeout as sleep } from 'node:timers/promises'
import { EC2Client } from '@aws-sdk/client-ec2'
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers'
import { isPassing, isThrottled } from './error-classes.ts'
import { type TokenBucket, tokenBucket } from './token-bucket.ts'

/** Identifies an account and region. */
export interface AccountKey {
  readonly region: string
  readonly endpoint_url?: string | undefined
  readonly role_arn?: string | undefined
}

/** EC2's rate limits per account and region. Calls of one class share one bucket. */
const LIMITS = {
  describe: { capacity: 100, per_second: 20 },
  run: { capacity: 5, per_second: 2 },
  terminate: { capacity: 100, per_second: 5 },
  mutate: { capacity: 50, per_second: 5 },
} as const
type CallClass = keyof typeof LIMITS

const ATTEMPTS = 5
const FIRST_PAUSE_MS = 250

export type Ec2Api = ReturnType<typeof ec2Api>
type Send<T> = (client: EC2Client, options: { abortSignal: AbortSignal }) => Promise<T>

/** Rate-limited client for EC2 in one account and region, shared by all pools there. */
export function ec2Api({ region, endpoint_url, role_arn }: AccountKey) {
  const client = new EC2Client({
    region,
    // The SDK must not retry: it would take a lack of capacity, which has status 500, for a transient error. Our code decides about
    // retries.
    maxAttempts: 1,
    ...(endpoint_url === undefined ? {} : { endpoint: endpoint_url }),
    ...(role_arn === undefined
      ? {}
      : {
          credentials: fromTemporaryCredentials({
            params: { RoleArn: role_arn, RoleSessionName: 'copr-resalloc' },
            clientConfig: { region },
          }),
        }),
  })
  const buckets = Object.fromEntries(
    Object.entries(LIMITS).map(([name, limit]) => [name, tokenBucket(limit)]),
  ) as Record<CallClass, TokenBucket>

  /** Makes a single attempt at a call. */
  const once = async <T>(of: CallClass, send: Send<T>, signal: AbortSignal): Promise<T> => {
    await buckets[of].take(signal)
    try {
      return await send(client, { abortSignal: signal })
    } catch (error) {
      signal.throwIfAborted()
      if (isThrottled(error)) buckets[of].drain()
      throw error
    }
  }
  return {
    once,
    /** Makes an idempotent call; retries transient errors. */
    async call<T>(of: CallClass, send: Send<T>, signal: AbortSignal): Promise<T> {
      for (let attempt = 1; ; attempt++)
        try {
          return await once(of, send, signal)
        } catch (error) {
          if (signal.aborted || attempt === ATTEMPTS || !isPassing(error)) throw error
          // Full jitter: calls that were refused together are not retried together.
          const pause_ms = Math.random() * FIRST_PAUSE_MS * 2 ** attempt
          await sleep(pause_ms, undefined, { signal })
        }
    },
  }
}
