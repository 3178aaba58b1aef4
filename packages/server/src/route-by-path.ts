import { type HttpApp, type HttpBindings } from '@copr/process/http-server'

/** Which part answers what, on the one public port. */
const PARTS = [
  { part: 'backend', paths: /^\/(results|builder)(\/|$)/ },
  { part: 'distgit', paths: /^\/(git|lookaside|repo\/pkgs)(\/|$)/ },
  { part: 'frontend', paths: /^\// },
] as const
type PartName = (typeof PARTS)[number]['part']

/** Routes requests to several apps by their paths, which stay undecoded: each app decodes its own. */
export function routeByPath(apps: Partial<Record<PartName, HttpApp>>): HttpApp {
  return {
    fetch(request: Request, bindings: HttpBindings): Response | Promise<Response> {
      const { pathname } = new URL(request.url)
      for (const { part, paths } of PARTS) {
        const app = apps[part]
        if (app && paths.test(pathname)) return app.fetch(request, bindings)
      }
      return Response.json({ error: `Nothing answers here: ${pathname}` }, { status: 404 })
    },
  }
}
