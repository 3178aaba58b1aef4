import type { BuildState } from '@copr/contract/states'
import { findBuild } from '@copr/domain/builds/build-queries'
import { findPackage, latestBuilds } from '@copr/domain/packages/package-queries'
import { type Context, Hono } from 'hono'
import { readFileSync } from 'node:fs'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { projectFile } from '../projects/on-project.ts'

const BADGES = ['succeeded', 'failed', 'in-progress', 'unknown', 'bad-url'] as const
type Badge = (typeof BADGES)[number]
const TYPES = { png: 'image/png', svg: 'image/svg+xml' } as const
type Ending = keyof typeof TYPES

const PICTURES = new Map(
  BADGES.flatMap((badge) =>
    (['png', 'svg'] as const).map((ending) => {
      const name = `${badge}.${ending}`
      return [name, readFileSync(new URL(`./images/${name}`, import.meta.url))] as const
    }),
  ),
)

const BADGE_OF: Partial<Record<BuildState, Badge>> = {
  importing: 'in-progress',
  pending: 'in-progress',
  starting: 'in-progress',
  running: 'in-progress',
  succeeded: 'succeeded',
  skipped: 'succeeded',
  failed: 'failed',
}

/** Serves badges: images, for README files, that show the state of a build or package. */
export function badgeRoutes(frontend: Frontend): Hono {
  const { db } = frontend
  const app = new Hono({ strict: false })

  for (const ending of ['png', 'svg'] as const) {
    app.get(`/coprs/build/:id{[0-9]+}/status_image.${ending}`, async (c) => {
      const build = await findBuild(db, Number(pathPart(c, 'id')))
      const badge = (build && BADGE_OF[build.state]) ?? 'unknown'
      return picture(c, badge, ending, badge === 'in-progress' ? 'no-cache' : undefined)
    })

    projectFile(
      app,
      frontend,
      `/package/:package/status_image/last_build.${ending}`,
      async (c, project) => {
        const found = await findPackage(db, project.id, pathPart(c, 'package'))
        if (!found) return picture(c, 'bad-url', ending, 'no-cache')
        const wanted = {
          package_ids: [found.id],
          only_succeeded: false,
          main_directory_first: true,
        }
        const build = (await latestBuilds(db, wanted)).get(found.id)
        const badge = build && BADGE_OF[build.state]
        return picture(c, badge ?? 'unknown', ending, badge ? 'no-cache' : 'public, max-age=60')
      },
    )
  }
  return app
}

function picture(c: Context, badge: Badge, ending: Ending, cache: string | undefined): Response {
  const bytes = PICTURES.get(`${badge}.${ending}`)
  if (!bytes) throw new Error(`Badge not found: ${badge}.${ending}`)
  c.header('Content-Type', TYPES[ending])
  c.header('Cache-Control', cache ?? 'public, max-age=300')
  // Badges must be loadable from READMEs on other sites.
  c.header('Cross-Origin-Resource-Policy', 'cross-origin')
  return c.body(new Uint8Array(bytes))
}
