import { ListQuery, listOf } from '@copr/contract/api/lists'
import { ProjectQuery } from '@copr/contract/api/projects'
import { z } from 'zod'
import { PackageAnswer } from '@copr/contract/api/packages'
import type { BuildSummary } from '@copr/domain/builds/build-summaries'
import {
  allPackages,
  countPackages,
  latestBuilds,
  PACKAGE_ORDERS,
  type Package,
} from '@copr/domain/packages/package-queries'
import type { Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'
import { resultsUrl } from '../frontend.ts'
import { type Api, answer, open, queryFlag, requiredQuery } from '../http/answer.ts'
import { metaOf, readPage } from '../http/paging.ts'
import { mapParts, streamList } from '../http/stream-list.ts'
import { requirePackage, requireProject } from '../api/find-or-404.ts'
import { presentBuild } from '../builds/present-build.ts'
import { presentPackage } from './present-package.ts'

const flag = z.enum(['True', 'False', 'true', 'false', '1', '0']).optional()
const WITH_BUILDS = { with_latest_build: flag, with_latest_succeeded_build: flag }

/** Maximum number of packages in a list without paging. */
const MAX_UNPAGED = 10_000

export function packageRoutes(api: Api): void {
  const { frontend } = api
  const { db } = frontend
  const results_url = resultsUrl(frontend.config)

  answer(api, '/package', {
    GET: open(
      {
        summary: 'A package',
        query: ProjectQuery.extend({ packagename: z.string(), ...WITH_BUILDS }),
        answer: PackageAnswer,
      },
      async (c) => {
        const project = await projectOf(c)
        const name = requiredQuery(c, 'packagename')
        const found = await requirePackage(db, project, name)
        const [item] = await present(c, project, [found], false)
        return c.json(item)
      },
    ),
  })

  answer(api, '/package/list', {
    GET: open(
      {
        summary: 'The packages of a project',
        query: ProjectQuery.extend({ ...ListQuery.shape, ...WITH_BUILDS }),
        answer: listOf(PackageAnswer),
      },
      async (c) => {
        const project = await projectOf(c)
        const page = readPage(c, PACKAGE_ORDERS)
        if (page.limit === undefined && (await countPackages(db, project.id)) > MAX_UNPAGED)
          throw new CoprError(
            'too_large',
            `Too many packages, please use pagination. Requests are limited to only ${MAX_UNPAGED} packages at once: send limit and offset`,
          )
        const parts = mapParts(allPackages(db, project.id, page), (packages) =>
          present(c, project, packages, true),
        )
        return await streamList(c, { parts, meta: metaOf(page), log: frontend.log })
      },
    ),
  })

  async function projectOf(c: Context): Promise<Project> {
    const owner = requiredQuery(c, 'ownername')
    return await requireProject(db, owner, requiredQuery(c, 'projectname'))
  }

  async function present(
    c: Context,
    project: Project,
    packages: Package[],
    main_directory_first: boolean,
  ): Promise<PackageAnswer[]> {
    const latest = async (
      flag: string,
      only_succeeded: boolean,
    ): Promise<Map<number, BuildSummary>> => {
      const package_ids = queryFlag(c, flag) ? packages.map(({ id }) => id) : []
      return await latestBuilds(db, { package_ids, only_succeeded, main_directory_first })
    }
    const all = await latest('with_latest_build', false)
    const succeeded = await latest('with_latest_succeeded_build', true)
    const show = (build: BuildSummary | undefined) =>
      build ? presentBuild(build, results_url) : null
    return packages.map((each) =>
      presentPackage(each, project, {
        latest: show(all.get(each.id)),
        latest_succeeded: show(succeeded.get(each.id)),
      }),
    )
  }
}
