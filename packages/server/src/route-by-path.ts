import { componentOfPath, type PublicComponent } from '@copr/contract/public-paths'
import { type HttpApp, type HttpBindings } from '@copr/process/http-server'

/** Returns an app that routes requests to apps by path. Requests for a component that does not run in this process go to the frontend. */
export function routeByPath(apps: Partial<Record<PublicComponent, HttpApp>>): HttpApp {
  return {
    fetch(request: Request, bindings: HttpBindings): Response | Promise<Response> {
      const { pathname } = new URL(request.url)
      const app = apps[componentOfPath(pathname)] ?? apps.frontend
      if (app) return app.fetch(request, bindings)
      return Response.json({ error: `Not found: ${pathname}` }, { status: 404 })
    },
  }
}
