import type { MiddlewareHandler } from 'hono'

const POLICY_HEADER = 'content-security-policy'
/** This policy makes a browser give the response an opaque origin of its own, run no scripts in it, and load nothing for it. */
const SANDBOX = "sandbox; default-src 'none'"

/**
 * Adds a Content-Security-Policy to each response, so that browsers show its content but run nothing in it. It is meant for files that
 * users made, whichever host serves them. If a handler sets a policy itself, that policy is kept.
 */
export function sandboxAnswers(): MiddlewareHandler {
  return async (c, next) => {
    await next()
    const { headers } = c.res
    if (!headers.has(POLICY_HEADER)) headers.set(POLICY_HEADER, SANDBOX)
    headers.set('x-content-type-options', 'nosniff')
  }
}
