import type { Context } from 'hono'
import { html } from 'hono/html'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Frontend } from '../frontend.ts'
import { heading, layout } from './layout.ts'
import { paths } from './paths.ts'
import { viewOf } from './view.ts'

const TITLES: Record<number, string> = {
  400: 'Invalid request',
  401: 'Login required',
  403: 'Not allowed',
  404: 'Not found',
  409: 'Not possible now',
  413: 'Too large',
  500: 'Internal error',
  503: 'Temporarily unavailable',
}

/** Responds to an error with a page for browsers and with plain text for all other clients. */
export async function errorPage(
  c: Context,
  frontend: Frontend,
  { status, message }: { status: ContentfulStatusCode; message: string },
): Promise<Response> {
  if (!(c.req.header('accept') ?? '').includes('text/html')) return c.text(`${message}\n`, status)
  const title = TITLES[status] ?? 'Error'
  // If the error is a failure of the database, creating the view fails, too.
  const view = await viewOf(c, frontend).catch(() => undefined)
  if (!view) return c.text(`${message}\n`, status)
  const body = html`${heading(title)}
    <p class="lead lines">${message}</p>
    <p><a href="${paths.home()}">Back to the front page</a></p>`
  return c.html(await layout(view, title, body), status)
}
