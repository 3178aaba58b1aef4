import { type HttpApp, type HttpBindings } from '@copr/process/http-server'

/** The components in order of precedence, with the paths that each of them serves on the public port. */
const COMPONENTS = [
  { component: 'backend', paths: /^\/(results|builder)(\/|$)/ },
  { component: 'distgit', paths: /^\/(git|lookaside|repo\/pkgs)(\/|$)/ },
  { component: 'frontend', paths: /^\// },
] as const
type ComponentName = (typeof COMPONENTS)[number]['component']

/** Returns an app that routes requests to the apps by path. Paths are not decoded here; each app does that itself. */
export function routeByPath(apps: Partial<Record<ComponentName, HttpApp>>): HttpApp {
  return {
    fetch(request: Request, bindings: HttpBindings): Response | Promise<Response> {
      const { pathname } = new URL(request.url)
      for (const { component, paths } of COMPONENTS) {
        const app = apps[component]
        if (app && paths.test(pathname)) return app.fetch(request, bindings)
      }
      return Response.json({ error: `Not found: ${pathname}` }, { status: 404 })
    },
  }
}
