import {
  BuildChrootAnswer,
  BuildChrootConfigAnswer,
  BuildChrootQuery,
  NevraAnswer,
} from '@copr/contract/api/builds'
import { ListQuery, listOf } from '@copr/contract/api/lists'
import { z } from 'zod'
import {
  type Build,
  type BuildChroot,
  builtPackages,
  findBuild,
} from '@copr/domain/builds/build-queries'
import { mockRootSettings } from '@copr/domain/projects/build-options'
import { additionalRepoUrls, loadBuildRepos } from '@copr/domain/projects/build-repos'
import { isOffered } from '@copr/domain/projects/project-chroots'
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'
import { resultsUrl } from '../frontend.ts'
import { type Api, answer, open, requiredQuery } from '../http/answer.ts'
import { metaOf, readPage } from '../http/paging.ts'
import { projectOfBuild, requireBuild, requireProjectChroot } from '../api/find-or-404.ts'
import { MEMORY_LIMIT, presentBuildChroot } from './present-build.ts'
import { presentBootstrap, presentRepos } from '../repo-files/present-repos.ts'

export function buildChrootRoutes(api: Api): void {
  const { frontend } = api
  const { db } = frontend
  const results_url = resultsUrl(frontend.config)

  for (const path of ['/build-chroot/list', '/build-chroot/list/:build_id{[0-9]+}'])
    answer(api, path, {
      GET: open(
        {
          summary: 'A build’s chroots',
          query: ListQuery.extend({ build_id: z.string().optional() }),
          answer: listOf(BuildChrootAnswer),
        },
        async (c) => {
          const page = readPage(c, ['id', 'name'])
          const build = await findBuild(db, buildIdOf(c))
          const chroots = build?.chroots ?? []
          // Old clients request ordering by name; all others get the order of the IDs.
          const by = page.order === 'name' ? chroots : chroots.toSorted((a, b) => a.id - b.id)
          const ordered = page.descending ? by.toReversed() : by
          const end = page.limit === undefined ? undefined : page.offset + page.limit
          const items = ordered
            .slice(page.offset, end)
            .flatMap((chroot) => (build ? [presentBuildChroot(chroot, build, results_url)] : []))
          return c.json({ items, meta: metaOf(page) })
        },
      ),
    })

  for (const path of [
    '/build-chroot/build-config',
    '/build-chroot/build-config/:build_id{[0-9]+}/:chrootname',
  ])
    answer(api, path, {
      GET: open(
        {
          summary: 'The configuration of a build in a chroot',
          query: BuildChrootQuery,
          answer: BuildChrootConfigAnswer,
        },
        async (c) => {
          const { build, chroot } = await requireBuildChroot(c)
          const project = await projectOfBuild(db, build)
          const own = await requireProjectChroot(db, project, chroot.name)
          if (!isOffered(own))
            throw new CoprError(
              'not_found',
              `Chroot not found: ${own.name} is disabled in the project`,
            )
          const { dirname } = build
          const repos = await loadBuildRepos(db, { project, dirname, chroot: own, results_url })
          return c.json({
            repos: presentRepos(repos),
            additional_repos: additionalRepoUrls(repos),
            additional_packages: own.additional_packages,
            with_opts: own.with_opts,
            without_opts: own.without_opts,
            enable_net: build.enable_net ?? project.enable_net,
            is_background: build.is_background,
            memory_limit: MEMORY_LIMIT,
            timeout: build.timeout_seconds,
            ...presentBootstrap(mockRootSettings({ build, chroot: own, project })),
          })
        },
      ),
    })

  answer(api, '/build-chroot/built-packages', {
    GET: open(
      {
        summary: 'The packages that a build produced in a chroot',
        query: BuildChrootQuery,
        answer: z.strictObject({ packages: z.array(NevraAnswer) }),
      },
      async (c) => {
        const { build, chroot } = await requireBuildChroot(c)
        const built = await builtPackages(db, build.id)
        return c.json({ packages: built.get(chroot.id) ?? [] })
      },
    ),
  })

  for (const path of ['/build-chroot', '/build-chroot/:build_id{[0-9]+}/:chrootname'])
    answer(api, path, {
      GET: open(
        { summary: 'A build in one chroot', query: BuildChrootQuery, answer: BuildChrootAnswer },
        async (c) => {
          const { build, chroot } = await requireBuildChroot(c)
          return c.json(presentBuildChroot(chroot, build, results_url))
        },
      ),
    })

  async function requireBuildChroot(c: Context): Promise<{ build: Build; chroot: BuildChroot }> {
    const build = await requireBuild(db, buildIdOf(c))
    const name = c.req.param('chrootname') ?? requiredQuery(c, 'chrootname')
    const chroot = build.chroots.find((each) => each.name === name)
    if (!chroot)
      throw new CoprError('not_found', `Build ${build.id} was not submitted to ${name} chroot`)
    return { build, chroot }
  }
}

function buildIdOf(c: Context): number {
  const text = c.req.param('build_id') ?? requiredQuery(c, 'build_id')
  if (!/^\d{1,15}$/.test(text)) throw new CoprError('invalid', 'build_id: must be a whole number')
  return Number(text)
}
