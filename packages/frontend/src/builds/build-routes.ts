import { ListQuery, listOf } from '@copr/contract/api/lists'
import { ProjectQuery } from '@copr/contract/api/projects'
import { z } from 'zod'
import {
  BuildAnswer,
  BuiltPackagesAnswer,
  DeleteBuilds,
  SourceChrootAnswer,
} from '@copr/contract/api/builds'
import { STATE_NUMBER } from '@copr/contract/states'
import { allBuilds } from '@copr/domain/builds/all-builds'
import { builtPackages, findBuild, loadBuilds, type Build } from '@copr/domain/builds/build-queries'
import { cancelBuild, deleteBuilds } from '@copr/domain/builds/cancel'
import { findPackage } from '@copr/domain/packages/package-queries'
import { rightsIn } from '@copr/domain/projects/project-access'
import type { UserActor } from '@copr/domain/audit/actor'
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'
import { resultsUrl } from '../frontend.ts'
import { type Api, answer, open, protectedBy, pathPart, requiredQuery } from '../http/answer.ts'
import { hasOrder, metaOf, readPage } from '../http/paging.ts'
import { parseForm, readForm } from '../http/read-form.ts'
import { mapParts, streamList } from '../http/stream-list.ts'
import { projectOfBuild, requireBuild, requireProject } from '../api/find-or-404.ts'
import { type Refusal, whyRefused } from './build-actions.ts'
import { onBuild } from './on-build.ts'
import { presentBuild, presentFailure, sourceDir } from './present-build.ts'

export function buildRoutes(api: Api): void {
  const { frontend } = api
  const { db, now } = frontend
  const results_url = resultsUrl(frontend.config)

  answer(api, '/build/list', {
    GET: open(
      {
        summary: 'The builds of a project, newest first',
        query: ProjectQuery.extend({
          ...ListQuery.shape,
          packagename: z.string().optional(),
          status: z.string().optional(),
        }),
        answer: listOf(BuildAnswer),
      },
      async (c) => {
        const project = await requireProject(
          db,
          requiredQuery(c, 'ownername'),
          requiredQuery(c, 'projectname'),
        )
        const page = readPage(c, ['id', 'submitted_on'])
        const filter = await filterOf(c, project.id)
        if (!filter) return c.json({ items: [], meta: metaOf(page) })
        const builds = allBuilds(db, filter, {
          ...page,
          limit: page.limit,
          // Newest first, unless the client requests another order.
          descending: hasOrder(c) ? page.descending : true,
        })
        const parts = mapParts(builds, (part) =>
          part.map((build) => presentBuild(build, results_url)),
        )
        return await streamList(c, { parts, meta: metaOf(page), log: frontend.log })
      },
    ),
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

  answer(api, '/build/source-chroot/:build_id{[0-9]+}', {
    GET: open(
      { summary: 'The state of a build’s source package', answer: SourceChrootAnswer },
      async (c) => {
        const build = await requireBuild(db, idOf(c))
        const begun = !['pending', 'starting'].includes(build.source_state)
        return c.json({
          state: build.source_state,
          result_url: begun ? sourceDir(build, results_url) : null,
          ...presentFailure(build.fail_reason, build.failure),
        })
      },
    ),
  })

  answer(api, '/build/built-packages/:build_id{[0-9]+}', {
    GET: open(
      { summary: 'The packages that a build produced, by chroot', answer: BuiltPackagesAnswer },
      async (c) => {
        const build = await requireBuild(db, idOf(c))
        const built = await builtPackages(db, build.id)
        return c.json(
          Object.fromEntries(
            build.chroots.map(({ id, name }) => [name, { packages: built.get(id) ?? [] }]),
          ),
        )
      },
    ),
  })

  answer(
    api,
    '/build/cancel/:build_id{[0-9]+}',
    {
      PUT: onBuild(
        'cancel',
        { summary: 'Cancel a build', scope: 'build', answer: BuildAnswer },
        async (c, { user, build }) => {
          await cancelBuild(db, user, build.id, now())
          return c.json(presentBuild(await requireBuild(db, build.id), results_url))
        },
      ),
    },
    { POST: 'PUT' },
  )

  answer(
    api,
    '/build/delete/list',
    {
      DELETE: protectedBy(
        {
          summary: 'Delete builds of one project; if one cannot be deleted, none is',
          access: 'edit',
          scope: 'edit',
          body: DeleteBuilds,
          answer: DeleteBuilds,
        },
        async (c, user) => {
          const { builds } = parseForm(DeleteBuilds, await readForm(c))
          await checkDeletable(user, builds)
          await deleteBuilds(db, user, builds, now())
          return c.json({ builds })
        },
      ),
    },
    { POST: 'DELETE' },
  )

  /** Throws unless all the builds can be deleted; the error names the reason for each that cannot. */
  async function checkDeletable(user: UserActor, ids: number[]): Promise<void> {
    const builds = await loadBuilds(db, [...new Set(ids)])
    if (new Set(builds.map((build) => build.project_id)).size > 1)
      throw new CoprError(
        'invalid',
        'Can not delete builds from more projects: delete the builds of each project with a request of its own',
      )
    const [first] = builds
    const project = first && (await projectOfBuild(db, first))
    const rights = project && (await rightsIn(db, user, project))
    const found = new Set(builds.map(({ id }) => id))
    const isRefused = (build: Build, reason: Refusal) =>
      project && rights && whyRefused('delete', { build, project, rights }).includes(reason)
    const refused = (reason: Refusal) =>
      builds.filter((build) => isRefused(build, reason)).map(({ id }) => id)
    const groups: [list: number[], message: (builds: string) => string][] = [
      [refused('right'), (list) => `You don't have permissions to delete build(s) ${list}`],
      [refused('phase'), (list) => `Build(s) ${list} are still running: cancel them first`],
      [ids.filter((id) => !found.has(id)), (list) => `Build(s) ${list} don't exist`],
    ]
    const lines = groups.flatMap(([list, message]) =>
      list.length > 0 ? [message(list.join(', '))] : [],
    )
    if (lines.length > 0) throw new CoprError('invalid', lines.join('\n'))
  }

  answer(
    api,
    '/build/delete/:build_id{[0-9]+}',
    {
      DELETE: onBuild(
        'delete',
        { summary: 'Delete a build', scope: 'edit', answer: BuildAnswer },
        async (c, { user, build }) => {
          await deleteBuilds(db, user, [build.id], now())
          return c.json(presentBuild(build, results_url))
        },
      ),
    },
    { POST: 'DELETE' },
  )

  answer(api, '/build/:build_id{[0-9]+}', {
    GET: open({ summary: 'A build', answer: BuildAnswer }, async (c) => {
      const build: Build | undefined = await findBuild(db, idOf(c))
      if (!build)
        throw new CoprError('not_found', `Build ${pathPart(c, 'build_id')} does not exist`)
      return c.json(presentBuild(build, results_url))
    }),
  })
}

function idOf(c: Context): number {
  return Number(pathPart(c, 'build_id'))
}

function isState(name: string): name is keyof typeof STATE_NUMBER {
  return Object.hasOwn(STATE_NUMBER, name)
}
