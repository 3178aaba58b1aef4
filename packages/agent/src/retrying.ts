import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '@copr/process/log'
import { GatewayError } from './gateway-client.ts'

const FIRST_WAIT_MS = 200
/** Short, because users are waiting for their builds when the gateway returns. */
const LONGEST_WAIT_MS = 3_000

/**
 * Retries a request with backoff while the gateway is unreachable, until `signal` aborts. The delays are jittered so that the machines of a
 * fleet do not all return at once.
 */
export async function retrying<T>(
  step: () => Promise<T>,
  { signal, log, what }: { signal: AbortSignal; log: Logger; what: string },
): Promise<T> {
  for (let wait_ms = FIRST_WAIT_MS; ; wait_ms = Math.min(wait_ms * 2, LONGEST_WAIT_MS)) {
    try {
      return await step()
    } catch (error) {
      if (!(error instanceof GatewayError) || error.kind !== 'unreachable') throw error
      log.warn({ what, reason: error.message }, 'Gateway unreachable, retrying')
      await sleep(wait_ms * (0.5 + Math.random() / 2), undefined, { signal })
    }
  }
}
