import { CoprError, INTERNAL_ERROR, STATUS_OF } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { badgeRoutes } from './badges/badge-routes.ts'
import { builderTaskRoutes } from './builds/builder-task-routes.ts'
import { feedRoutes } from './feeds/feed-routes.ts'
import { apiRoutes } from './api/api.ts'
import type { Frontend } from './frontend.ts'
import { limitRequests } from './http/request-limit.ts'
import { securityHeaders } from './http/security-headers.ts'
import { pageRoutes } from './pages/page-routes.ts'
import { errorPage } from './pages/error-page.ts'
import { repoFileRoutes } from './repo-files/repo-file-routes.ts'
import { uploadedFiles } from './uploads/serve-uploads.ts'
import { staticRoutes } from './static-files.ts'
import { webhookReceivers } from './webhooks/webhook-routes.ts'

export type { Frontend } from './frontend.ts'

/** Maximum number of query parameters; no page or API route has that many. */
const MAX_PARAMETERS = 100

/** Maximum number of characters in an error message. */
const MAX_MESSAGE = 4000

/**
 * Serves pages, API v3 and `.repo` files. An application that adds routes must pass all other requests to this one, with `app.all('*', (c)
 * => frontend.fetch(c.req.raw, c.env))`, so that trailing slashes and unknown paths are handled here.
 */
export function frontendApp(frontend: Frontend): Hono {
  const app = new Hono({ strict: false })
  app.use(securityHeaders(frontend.config))
  app.use(limitRequests(frontend))
  app.use(async (c, next) => {
    // Text in PostgreSQL cannot contain NUL, so no name or search with a NUL could match anything.
    if (/%00/.test(c.req.url))
      throw new CoprError('invalid', 'Cannot read the request: the URL contains a NUL character')
    if (c.req.url.split('&', MAX_PARAMETERS + 1).length > MAX_PARAMETERS)
      throw new CoprError(
        'invalid',
        `Cannot read the request: the URL has more than ${MAX_PARAMETERS} parameters`,
      )
    await next()
  })
  app.route('/api_3', apiRoutes(frontend))
  app.route('/static', staticRoutes())
  app.route('/', uploadedFiles(frontend))
  app.route('/', webhookReceivers(frontend))
  app.route('/', badgeRoutes(frontend))
  app.route('/', feedRoutes(frontend))
  app.route('/', repoFileRoutes(frontend))
  app.route('/', builderTaskRoutes(frontend))
  app.route('/', pageRoutes(frontend))
  app.notFound((c) =>
    answerError(c, frontend, new CoprError('not_found', `Page not found: ${c.req.path}`)),
  )
  app.onError((error, c) => answerError(c, frontend, error))
  return app
}

/** Responds to an error: with JSON if the path is the API's, and with a page otherwise. */
async function answerError(c: Context, frontend: Frontend, error: Error): Promise<Response> {
  const known = error instanceof CoprError ? error : undefined
  if (!known)
    frontend.log.error({ err: error, method: c.req.method, path: c.req.path }, 'Request failed')
  const status = known ? STATUS_OF[known.kind] : 500
  const message = known ? shortened(known.message) : INTERNAL_ERROR
  if (known?.retry_after !== undefined) c.header('Retry-After', String(known.retry_after))
  // Plain text, because forges show the response, and the reason would be hard to find in an HTML page.
  if (c.req.path.startsWith('/webhooks/')) return c.text(`${message}\n`, status)
  if (!c.req.path.startsWith('/api_3')) return await errorPage(c, frontend, { status, message })
  return c.json(status === 401 ? { output: 'notok', error: message } : { error: message }, status)
}

/** Truncates messages: they may quote the request, which can be a megabyte long. */
function shortened(message: string): string {
  return message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message
}
