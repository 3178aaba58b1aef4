import { listedProjects, type Project } from '@copr/domain/projects/project-queries'
import { type Context, Hono } from 'hono'
import type { Frontend } from '../frontend.ts'
import { paths } from '../pages/paths.ts'

const NEWEST = 200

/** Serves RSS 2.0 feeds of the newest projects, with or without unlisted and temporary ones. */
export function feedRoutes(frontend: Frontend): Hono {
  const { db, config } = frontend
  const app = new Hono({ strict: false })
  const answer = (c: Context, projects: Project[]): Response => {
    c.header('Content-Type', 'text/xml; charset=utf-8')
    c.header('Cache-Control', 'public, max-age=60')
    return c.body(feed(config, projects))
  }
  const listed = (limit: number) =>
    listedProjects(db, { limit, with_unlisted: false, with_temporary: false })

  app.get('/rss', async (c) => answer(c, await listed(NEWEST)))
  app.get('/rss/:count{[0-9]+}', async (c) =>
    answer(c, await listed(Math.min(Number(c.req.param('count')), NEWEST))),
  )
  app.get('/rss/all', async (c) => {
    const all = { limit: NEWEST, with_unlisted: true, with_temporary: true }
    return answer(c, await listedProjects(db, all))
  })
  return app
}

function feed({ public_url, site_name }: Frontend['config'], projects: Project[]): string {
  const items = projects.map((project) => {
    const link = `${public_url}${paths.project(project)}`
    return `<item>
<title>${xml(`${project.ownername}/${project.name}`)}</title>
<link>${xml(link)}</link>
<guid isPermaLink="true">${xml(link)}</guid>
<pubDate>${project.created_at.toUTCString()}</pubDate>
<description>${xml(project.description)}</description>
</item>`
  })
  return `<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0">
<channel>
<title>${xml(site_name)}: new projects</title>
<link>${xml(public_url)}</link>
<description>The newest projects of ${xml(site_name)}</description>
${items.join('\n')}
</channel>
</rss>
`
}

/** Escapes text for XML 1.0, and removes the characters that XML 1.0 cannot represent at all. */
function xml(text: string): string {
  return (
    text
      .toWellFormed()
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      // oxlint-disable-next-line no-control-regex -- these characters must be removed
      .replaceAll(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, '')
  )
}
