import type { Context } from 'hono'
import { z } from 'zod'
import { type Api, answer, open } from '../http/answer.ts'
import { VERSION } from '@copr/process/version'
import { docsPage } from './docs-page.ts'
import { describeApi } from './openapi.ts'

/**
 * Serves the API's description, as OpenAPI and as a page. Must be registered last, so that these routes come last in the list of routes.
 */
export function descriptionRoutes(api: Api): void {
  const { frontend, routes } = api
  const { public_url, site_name } = frontend.config
  let text: string | undefined
  const describe = (c: Context): Response => {
    // The text is generated only once, because neither the routes nor the configuration change while the process runs.
    text ??= JSON.stringify(describeApi(routes, { public_url, site_name, version: VERSION }))
    return c.body(text, 200, { 'Content-Type': 'application/json' })
  }

  for (const path of ['/openapi.json', '/swagger.json'])
    answer(api, path, {
      GET: open(
        {
          summary: 'The OpenAPI 3.1 description of this API',
          answer: z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) }),
        },
        describe,
      ),
    })

  answer(api, '/docs', {
    GET: open(
      { summary: 'The description of this API as a web page', answer: z.string() },
      async (c) => await docsPage(c, frontend, routes),
    ),
  })
}
