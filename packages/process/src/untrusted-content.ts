import type { MiddlewareHandler } from 'hono'

const POLICY_HEADER = 'content-security-policy'
/** A browser gives the answer an origin of its own, runs no script of it and loads nothing for it. */
const SANDBOX = "sandbox; default-src 'none'"

/**
 * Sends each answer so that a browser shows it and runs nothing: for files that users made, on any host. A handler that
 * sets a policy itself keeps it.
 */
export function sandboxAnswers(): MiddlewareHandler {
  return async (c, next) => {
    await next()
    const { headers } = c.res
    if (!headers.has(POLICY_HEADER)) headers.set(POLICY_HEADER, SANDBOX)
    headers.set('x-content-type-options', 'nosniff')
  }
}
