import { Hono } from 'hono'
import type { Frontend } from '../frontend.ts'
import { accountRoutes } from './account-routes.ts'
import { buildChrootRoutes } from './build-chroot-routes.ts'
import { buildCreateRoutes } from './build-create-routes.ts'
import { buildRoutes } from './build-routes.ts'
import { chrootRoutes } from './chroot-routes.ts'
import { packageRoutes } from './package-routes.ts'
import { projectRoutes } from './project-routes.ts'
import { rpmrepoRoutes } from './rpmrepo-routes.ts'

const PARTS = [
  accountRoutes,
  projectRoutes,
  chrootRoutes,
  packageRoutes,
  buildCreateRoutes,
  buildRoutes,
  buildChrootRoutes,
  rpmrepoRoutes,
]

/** API v3; whatever it does not know is a 404 in JSON. */
export function apiRoutes(frontend: Frontend): Hono {
  const app = new Hono({ strict: false })
  for (const part of PARTS) app.route('/', part(frontend))
  app.all('*', (c) =>
    c.json({ error: `This site's API has no ${c.req.method} ${c.req.path}` }, 404),
  )
  return app
}
