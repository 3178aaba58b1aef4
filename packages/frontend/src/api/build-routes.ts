import { DeleteBuilds } from '@copr/contract/api/builds'
import { STATE_NUMBER } from '@copr/contract/states'
import {
  builtPackages,
  findBuild,
  listBuilds,
  loadBuilds,
  type Build,
} from '@copr/domain/builds/build-queries'
import { cancelBuild, deleteBuilds } from '@copr/domain/builds/cancel'
import { findPackage } from '@copr/domain/packages/package-queries'
import { canBuildIn, canEdit } from '@copr/domain/projects/project-access'
import type { User } from '@copr/domain/users/user-queries'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { type Frontend, resultsUrl } from '../frontend.ts'
import { answer, pathPart, requiredQuery } from '../http/answer.ts'
import { requireUser } from '../http/authenticate.ts'
import { hasOrder, metaOf, readPage } from '../http/paging.ts'
import { parseForm, readForm } from '../http/read-form.ts'
import { projectOfBuild, requireBuild, requireProject } from './find-or-404.ts'
import { presentBuild, sourceDir } from './present-build.ts'

export function buildRoutes(frontend: Frontend): Hono {
  const { db, now } = frontend
  const app = new Hono({ strict: false })
  const results_url = resultsUrl(frontend.config)

  answer(app, '/build/list', {
    GET: async (c) => {
      const project = await requireProject(
        db,
        requiredQuery(c, 'ownername'),
        requiredQuery(c, 'projectname'),
      )
      const page = readPage(c, ['id', 'submitted_on'])
      const filter = await filterOf(c, project.id)
      if (!filter) return c.json({ items: [], meta: metaOf(page) })
      const builds = await listBuilds(db, filter, {
        ...page,
        limit: page.limit,
        // Newest first, unless the client wants it otherwise.
        descending: hasOrder(c) ? page.descending : true,
      })
      const items = builds.map((build) => presentBuild(build, results_url))
      return c.json({ items, meta: metaOf(page) })
    },
  })

  async function filterOf(c: Context, project_id: number) {
    const packagename = c.req.query('packagename')
    const status = c.req.query('status')
    const found = packagename ? await findPackage(db, project_id, packagename) : undefined
    if (packagename && !found) return undefined
    if (status && !isState(status)) return undefined
    return {
      project_id,
      ...(found ? { package_id: found.id } : {}),
      ...(status && isState(status) ? { state: status } : {}),
    }
  }

  answer(app, '/build/source-chroot/:build_id{[0-9]+}', {
    GET: async (c) => {
      const build = await requireBuild(db, idOf(c))
      const begun = !['pending', 'starting'].includes(build.source_state)
      return c.json({
        state: build.source_state,
        result_url: begun ? sourceDir(build, results_url) : null,
      })
    },
  })

  answer(app, '/build/built-packages/:build_id{[0-9]+}', {
    GET: async (c) => {
      const build = await requireBuild(db, idOf(c))
      const built = await builtPackages(db, build.id)
      return c.json(
        Object.fromEntries(
          build.chroots.map(({ id, name }) => [name, { packages: built.get(id) ?? [] }]),
        ),
      )
    },
  })

  answer(
    app,
    '/build/cancel/:build_id{[0-9]+}',
    {
      PUT: async (c) => {
        const user = await requireUser(c, frontend)
        const build = await requireBuild(db, idOf(c))
        if (!canBuildIn(user, await projectOfBuild(db, build)))
          throw new CoprError('forbidden', `You cannot cancel build ${build.id}`)
        await cancelBuild(db, build.id, now())
        return c.json(presentBuild(await requireBuild(db, build.id), results_url))
      },
    },
    { POST: 'PUT' },
  )

  answer(
    app,
    '/build/delete/list',
    {
      DELETE: async (c) => {
        const user = await requireUser(c, frontend)
        const { builds } = parseForm(DeleteBuilds, await readForm(c))
        await checkDeletable(user, builds)
        await deleteBuilds(db, builds, now())
        return c.json({ builds })
      },
    },
    { POST: 'DELETE' },
  )

  /** All or nothing: says of every build what stands against it. */
  async function checkDeletable(user: User, ids: number[]): Promise<void> {
    const builds = await loadBuilds(db, [...new Set(ids)])
    if (new Set(builds.map((build) => build.project_id)).size > 1)
      throw new CoprError('invalid', 'Cannot delete builds of several projects at once')
    const [first] = builds
    const project = first && (await projectOfBuild(db, first))
    const found = new Set(builds.map(({ id }) => id))
    const groups = {
      'not existing': ids.filter((id) => !found.has(id)),
      'no permission': project && !mayDelete(user, project) ? [...found] : [],
      'still running': builds.filter(({ finished_at }) => !finished_at).map(({ id }) => id),
    }
    const lines = Object.entries(groups).flatMap(([reason, list]) =>
      list.length > 0 ? [`${reason}: ${list.join(', ')}`] : [],
    )
    if (lines.length > 0)
      throw new CoprError('invalid', `Cannot delete builds\n${lines.join('\n')}`)
  }

  answer(
    app,
    '/build/delete/:build_id{[0-9]+}',
    {
      DELETE: async (c) => {
        const user = await requireUser(c, frontend)
        const build = await requireBuild(db, idOf(c))
        if (!mayDelete(user, await projectOfBuild(db, build)))
          throw new CoprError('forbidden', `You cannot delete build ${build.id}`)
        await deleteBuilds(db, [build.id], now())
        return c.json(presentBuild(build, results_url))
      },
    },
    { POST: 'DELETE' },
  )

  answer(app, '/build/:build_id{[0-9]+}', {
    GET: async (c) => {
      const build: Build | undefined = await findBuild(db, idOf(c))
      if (!build)
        throw new CoprError('not_found', `Build ${pathPart(c, 'build_id')} does not exist`)
      return c.json(presentBuild(build, results_url))
    },
  })
  return app
}

type Owned = Parameters<typeof canEdit>[1]

function mayDelete(user: User, project: Owned): boolean {
  return canEdit(user, project) && !project.persistent
}

function idOf(c: Context): number {
  return Number(pathPart(c, 'build_id'))
}

function isState(name: string): name is keyof typeof STATE_NUMBER {
  return Object.hasOwn(STATE_NUMBER, name)
}
