import { TOKEN_SCOPES } from '@copr/contract/token-scopes'
import type { Context } from 'hono'
import { html } from 'hono/html'
import type { z } from 'zod'
import type { Frontend } from '../frontend.ts'
import type { ApiRoute } from '../http/answer.ts'
import { heading, layout } from '../pages/layout.ts'
import { card, table } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { type Html, viewOf } from '../pages/view.ts'
import { formSchema } from './openapi.ts'
import { operationId, tagOf, urlPath } from './route-names.ts'

const WHO: Record<ApiRoute['access'], string> = {
  anyone: 'anyone',
  user: 'any logged-in user',
  account: 'any logged-in user, but not with a named token',
  build: 'users who may build in the project',
  edit: 'users who may change the project',
  delete: 'users who may delete the project',
  create: 'the owner, or members of the group',
}

/** Renders a page with all routes, without deprecated methods. */
export async function docsPage(
  c: Context,
  frontend: Frontend,
  routes: ApiRoute[],
): Promise<Response> {
  const view = await viewOf(c, frontend)
  const current = routes.filter(({ deprecated_for }) => !deprecated_for)
  const areas = [...Map.groupBy(current, ({ path }) => tagOf(path))]
  const { public_url, site_name } = frontend.config
  const body = html`${heading('API v3')}
    <p class="lead">
      All paths start with <code>${public_url}/api_3</code>. Requests that change data need HTTP
      Basic authentication with the login and token from <a href="${paths.api()}">your API page</a>.
      Errors are returned as <code>{"error": "message"}</code>. For programs, the API is described
      in <a href="/api_3/openapi.json">openapi.json</a>.
    </p>
    <nav class="links" aria-label="Areas">
      ${areas.map(([area]) => html`<a href="#${area}">${area}</a>`)}
    </nav>
    ${areas.map(([area, list]) => section(area, list))} ${card('Scopes of named tokens', scopes())}`
  return c.html(await layout(view, `API · ${site_name}`, body))
}

function section(area: string, routes: ApiRoute[]): Html {
  return html`<section id="${area}" class="stack">
    <h2 class="pf-v6-c-title pf-m-xl">${area}</h2>
    ${routes.map(
      (route) =>
        html`<details id="${operationId(route)}" class="route">
          <summary>
            <code>${route.method} ${urlPath(route.path)}</code>
            <span class="quiet">${route.summary}</span>
          </summary>
          <p>
            Allowed for
            ${WHO[route.access]}${route.scope ? html`; tokens require the scope <code>${[route.scope, ...(route.gives ?? [])].join(', ')}</code>` : ''}.
          </p>
          ${fields('Query parameters', route.query)} ${fields('Body fields', route.body)}
          ${route.file === undefined ? '' : html`<p>Send the file in the multipart part <code>${route.file}</code>, and the fields above in the part <code>json</code>.</p>`}
        </details>`,
    )}
  </section>`
}

function fields(title: string, schema: z.ZodType | undefined): Html {
  if (!schema) return html``
  const { properties = {}, required = [] } = formSchema(schema) as {
    properties?: Record<string, { type?: string; enum?: string[] }>
    required?: string[]
  }
  const rows = Object.entries(properties).map(([name, property]): Html[] => [
    html`<code>${name}</code>`,
    html`${property.enum?.join(', ') ?? property.type ?? 'any'}`,
    html`${required.includes(name) ? 'yes' : ''}`,
  ])
  return rows.length === 0 ? html`` : table(title, [title, 'Type', 'Required'], rows)
}

function scopes(): Html {
  const rows = Object.entries(TOKEN_SCOPES).map(([scope, text]): Html[] => [
    html`<code>${scope}</code>`,
    html`${text}`,
  ])
  return table('Scopes', ['Scope', 'Allows to'], rows)
}
