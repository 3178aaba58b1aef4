import type { Build } from '@copr/domain/builds/build-queries'
import type { UserActor } from '@copr/domain/audit/actor'
import type { Project } from '@copr/domain/projects/project-queries'
import type { Context, Handler, Hono } from 'hono'
import { projectOfBuild, requireBuild } from '../api/find-or-404.ts'
import type { Frontend } from '../frontend.ts'
import { authorizedBy, type Handled, pathPart, type Protected } from '../http/answer.ts'
import { sentForm, type ViewFor } from '../pages/view.ts'
import { declarePage, pageView } from '../projects/on-project.ts'
import { BUILD_ACTIONS, type BuildAction, requireBuildAction } from './build-actions.ts'

interface Found {
  build: Build
  project: Project
}

/** An API operation on the build that the path names. The handler runs only if the user may perform `action` on the build. */
export function onBuild(
  action: BuildAction,
  operation: Omit<Protected, 'access'>,
  handler: (c: Context, found: Found & { user: UserActor }) => ReturnType<Handled['run']>,
): Handled {
  return authorizedBy(
    { ...operation, access: BUILD_ACTIONS[action].right },
    async ({ c, frontend: { db }, user }) => {
      const found = await findBuildIn(db, pathPart(c, 'build_id'))
      await requireBuildAction(db, user, action, found)
      return found
    },
    handler,
  )
}

type BuildPage<A extends BuildAction | 'anyone'> = Found & {
  view: ViewFor<A>
  /** The owner in the URL. If the build belongs to another owner, its page redirects to the correct URL. */
  ownername: string
}

/**
 * Registers the pages of a build under its project. A handler runs only if the user may perform the action that the page declares; `post`
 * also reads the form.
 */
export function buildPagesOf(app: Hono, frontend: Frontend) {
  const { db } = frontend
  const register =
    <Sent extends object>(method: 'get' | 'post', read: (c: Context) => Promise<Sent>) =>
    <A extends BuildAction | 'anyone'>(
      rest: string,
      declared: A,
      handler: (c: Context, page: BuildPage<A> & Sent) => ReturnType<Handler>,
    ): void => {
      const action: BuildAction | 'anyone' = declared
      const access = action === 'anyone' ? 'anyone' : BUILD_ACTIONS[action].right
      declarePage(app, { method, rest, access }, async (c, ownername) => {
        const view = await pageView(c, frontend, declared)
        const sent = await read(c)
        const found = await findBuildIn(db, pathPart(c, 'id'))
        if (action !== 'anyone') await requireBuildAction(db, view.user, action, found)
        return await handler(c, { ...sent, ...found, view, ownername })
      })
    }
  return { get: register('get', () => Promise.resolve({})), post: register('post', sentForm) }
}

async function findBuildIn(db: Frontend['db'], id: string): Promise<Found> {
  const build = await requireBuild(db, Number(id))
  return { build, project: await projectOfBuild(db, build) }
}
