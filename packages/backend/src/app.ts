import { answerError } from '@copr/process/http-server'
import { Hono } from 'hono'
import type { Backend } from './context.ts'
import { gatewayRoutes } from './gateway/gateway-routes.ts'
import { treeRoutes } from './results-tree/tree-routes.ts'

/** The gateway for agents under `/builder`, and the results tree under `/results`. */
export function backendApp(backend: Backend): Hono {
  const app = new Hono()
  app.onError(answerError(backend.log))
  app.route('/builder', gatewayRoutes(backend))
  app.route('/results', treeRoutes(backend.store))
  app.notFound((c) => c.json({ error: `Not found: ${c.req.path}` }, 404))
  return app
}
