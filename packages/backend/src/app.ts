import { answerError } from '@copr/process/http-server'
import { Hono } from 'hono'
import type { Backend } from './context.ts'
import { gatewayRoutes } from './gateway/gateway-routes.ts'
import { treeRoutes } from './results-tree/tree-routes.ts'
import { directoryStore } from './store/directory-store.ts'

export type BackendOptions = Omit<Backend, 'store'>

/** The gateway for agents under `/builder`, and the results tree under `/results`. */
export function backendApp(options: BackendOptions): Hono {
  const backend = { ...options, store: directoryStore(options.config.data_dir) }
  const app = new Hono()
  app.onError(answerError(options.log))
  app.route('/builder', gatewayRoutes(backend))
  app.route('/results', treeRoutes(backend.store.root))
  app.notFound((c) => c.json({ error: `Nothing is at ${c.req.path}` }, 404))
  return app
}
