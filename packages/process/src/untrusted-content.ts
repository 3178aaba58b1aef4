import type { MiddlewareHandler } from 'hono'

const POLICY_HEADER = 'content-security-policy'
/** Makes a browser give the response its own opaque origin, run none of its scripts and load nothing for it. */
const SANDBOX = "sandbox; default-src 'none'"

/**
 * Sends each response with a policy under which browsers show it but run nothing: for files that users made, on any host.
 * A policy that a handler sets itself is kept.
 */
export function sandboxAnswers(): MiddlewareHandler {
  return async (c, next) => {
    await next()
    const { headers } = c.res
    if (!headers.has(POLICY_HEADER)) headers.set(POLICY_HEADER, SANDBOX)
    headers.set('x-content-type-options', 'nosniff')
  }
}
