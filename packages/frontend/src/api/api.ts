import { Hono } from 'hono'
import type { Frontend } from '../frontend.ts'
import type { Api, ApiRoute } from '../http/answer.ts'
import { descriptionRoutes } from '../api-description/description-routes.ts'
import { accountRoutes } from '../users/account-routes.ts'
import { buildChrootRoutes } from '../builds/build-chroot-routes.ts'
import { buildCreateRoutes } from '../builds/build-create-routes.ts'
import { buildRoutes } from '../builds/build-routes.ts'
import { chainRoutes } from '../chains/chain-routes.ts'
import { chrootRoutes } from '../chroots/chroot-routes.ts'
import { monitorRoutes } from '../packages/monitor-routes.ts'
import { packageRoutes } from '../packages/package-routes.ts'
import { packageWriteRoutes } from '../packages/package-write-routes.ts'
import { outgoingWebhookRoutes } from '../outgoing-webhooks/outgoing-webhook-routes.ts'
import { permissionRoutes } from '../permissions/permission-routes.ts'
import { projectRoutes } from '../projects/project-routes.ts'
import { rpmrepoRoutes } from '../repo-files/rpmrepo-routes.ts'
import { sourceRoutes } from '../builds/source-routes.ts'
import { whyRoutes } from '../builds/why-routes.ts'
import { deliveryRoutes } from '../webhooks/delivery-routes.ts'
import { secretRoutes } from '../webhooks/secret-routes.ts'
import { webhookSettingsRoutes } from '../webhooks/webhook-settings-routes.ts'
import { webhookRoutes } from '../webhooks/webhook-secret-routes.ts'

const PARTS = [
  accountRoutes,
  projectRoutes,
  permissionRoutes,
  chrootRoutes,
  packageRoutes,
  packageWriteRoutes,
  buildCreateRoutes,
  sourceRoutes,
  buildRoutes,
  buildChrootRoutes,
  chainRoutes,
  monitorRoutes,
  webhookRoutes,
  outgoingWebhookRoutes,
  webhookSettingsRoutes,
  deliveryRoutes,
  secretRoutes,
  rpmrepoRoutes,
  whyRoutes,
]

/** Returns API v3, which responds to unknown paths with a 404 in JSON. */
export function apiRoutes(frontend: Frontend): Hono {
  const { app } = buildApi(frontend)
  app.all('*', (c) =>
    c.json({ error: `Such API endpoint doesn't exist: ${c.req.method} ${c.req.path}` }, 404),
  )
  return app
}

/** Builds the API and the list of its routes. The OpenAPI description and many tests are generated from that list. */
export function buildApi(frontend: Frontend): Api {
  const api: Api = { frontend, app: new Hono({ strict: false }), routes: [] as ApiRoute[] }
  for (const part of PARTS) part(api)
  descriptionRoutes(api)
  return api
}
