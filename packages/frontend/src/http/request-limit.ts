import { addressKey } from '@copr/process/client-address'
import type { HttpBindings } from '@copr/process/http-server'
import { CoprError } from '@copr/process/errors'
import type { MiddlewareHandler } from 'hono'
import type { Frontend } from '../frontend.ts'
import { addressesOf, clientAddress } from './client-address.ts'

/**
 * Maximum number of concurrent requests from one address. A browser opens six connections to a site, and an office may share one address.
 */
export const MAX_REQUESTS = 64

/** Limits the concurrent requests from each address, so that one client cannot starve the others. */
export function limitRequests(frontend: Pick<Frontend, 'config'>): MiddlewareHandler {
  const running = new Map<string, number>()
  return async (c, next) => {
    const address = clientAddress(c, frontend)
    // Processes on this machine are not limited. A proxy that does not report the client's address is not limited either, because all its
    // clients would share one limit.
    if (address === undefined || addressesOf(frontend).isTrusted(address)) return await next()
    const key = addressKey(address)
    const count = running.get(key) ?? 0
    if (count >= MAX_REQUESTS)
      throw new CoprError(
        'too_many',
        `Cannot accept the request: ${count} requests from your address are in progress, which is the limit`,
        { retry_after: 1 },
      )
    running.set(key, count + 1)
    // A request counts until the last byte of its response has been sent.
    ;(c.env as HttpBindings).outgoing.once('close', () => {
      const left = (running.get(key) ?? 1) - 1
      if (left > 0) running.set(key, left)
      else running.delete(key)
    })
    return await next()
  }
}
