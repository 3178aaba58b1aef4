import { requireRight, type Rights } from '@copr/domain/projects/project-access'
import type { Project } from '@copr/domain/projects/project-queries'
import type { Context, Handler, Hono } from 'hono'
import { requireProject } from '../api/find-or-404.ts'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { sentForm, userView, type ViewFor, viewOf } from '../pages/view.ts'

/** The visitors that a project's page admits: `anyone`, any authenticated `user`, or users with a right in the project. */
export type PageAccess = 'anyone' | 'user' | keyof Rights

interface Page {
  method: 'get' | 'post'
  /** The rest of the path, after the project. */
  rest: string
  access: PageAccess
}

type OwnerHandler = (c: Context, ownername: string) => ReturnType<Handler>

/** The declared access of each registered page, by its handler. Tests compare it with the roles that the pages admit. */
const ACCESS_OF_HANDLER = new WeakMap<object, PageAccess>()

export function declaredAccess(handler: object): PageAccess | undefined {
  return ACCESS_OF_HANDLER.get(handler)
}

/** Registers a path under a project, for users' and for groups' projects. The handler must enforce `access`. */
export function declarePage(
  app: Hono,
  { method, rest, access }: Page,
  handler: OwnerHandler,
): void {
  const ofGroup: Handler = (c) => handler(c, `@${pathPart(c, 'group')}`)
  const ofUser: Handler = (c) => handler(c, pathPart(c, 'owner'))
  for (const each of [ofGroup, ofUser]) ACCESS_OF_HANDLER.set(each, access)
  app[method](`/coprs/g/:group/:project${rest}`, ofGroup)
  app[method](`/coprs/:owner/:project${rest}`, ofUser)
}

/** Registers a public file under a project. The handler gets no view, which saves the query for the session. */
export function projectFile(
  app: Hono,
  { db }: Pick<Frontend, 'db'>,
  rest: string,
  handler: (c: Context, project: Project) => ReturnType<Handler>,
): void {
  declarePage(app, { method: 'get', rest, access: 'anyone' }, async (c, ownername) =>
    handler(c, await requireProject(db, ownername, pathPart(c, 'project'))),
  )
}

interface ProjectPage<A extends PageAccess> {
  view: ViewFor<A>
  project: Project
}

/**
 * Registers pages under a project. A handler runs only if the visitor has the declared access. `post` reads the form and checks its CSRF
 * token. The handler of a `postFile` must do both itself, so that the right is checked before a file is received.
 */
export function projectPagesOf(app: Hono, frontend: Frontend) {
  const register =
    <Sent extends object>(method: 'get' | 'post', read: (c: Context) => Promise<Sent>) =>
    <A extends PageAccess>(
      rest: string,
      access: A,
      handler: (c: Context, page: ProjectPage<A> & Sent) => ReturnType<Handler>,
    ): void =>
      declarePage(app, { method, rest, access }, async (c, ownername) => {
        const view = await pageView(c, frontend, access)
        const sent = await read(c)
        const project = await requireProject(frontend.db, ownername, pathPart(c, 'project'))
        if (access === 'build' || access === 'edit' || access === 'delete')
          await requireRight(frontend.db, view.user, project, access)
        return await handler(c, { ...sent, view, project })
      })
  return {
    get: register('get', nothing),
    post: register('post', sentForm),
    postFile: register('post', nothing),
  }
}

const nothing = (): Promise<object> => Promise.resolve({})

/** Returns the view of a page; redirects anonymous visitors to the login unless the page is for anyone. */
export async function pageView<A extends string>(
  c: Context,
  frontend: Frontend,
  access: A,
): Promise<ViewFor<A>> {
  const view = access === 'anyone' ? await viewOf(c, frontend) : await userView(c, frontend)
  return view as ViewFor<A>
}
