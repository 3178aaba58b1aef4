import type { MiddlewareHandler } from 'hono'
import type { FrontendConfig } from '../frontend.ts'

/** Scripts and styles are loaded only from the site's own files, so that text from users can act neither as a script nor as a style. */
const POLICY = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

export function securityHeaders({
  public_url,
  oidc,
}: Pick<FrontendConfig, 'public_url' | 'oidc'>): MiddlewareHandler {
  // The policy must allow this origin because the response to the logout form redirects to the identity provider.
  const forms = oidc ? `'self' ${new URL(oidc.issuer).origin}` : "'self'"
  const policy = `${POLICY}; form-action ${forms}`
  const isEncrypted = public_url.startsWith('https:')
  return async (c, next) => {
    await next()
    c.header('Content-Security-Policy', policy)
    c.header('X-Content-Type-Options', 'nosniff')
    c.header('Referrer-Policy', 'same-origin')
    c.header('Cross-Origin-Opener-Policy', 'same-origin')
    if (isEncrypted) c.header('Strict-Transport-Security', 'max-age=31536000')
  }
}
