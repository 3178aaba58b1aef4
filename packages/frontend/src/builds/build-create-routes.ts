import { listOf } from '@copr/contract/api/lists'
import { z } from 'zod'
import { BuildAnswer, BuildOptions, BuildTarget, UrlBuild } from '@copr/contract/api/builds'
import { loadBuilds } from '@copr/domain/builds/build-queries'
import { prepareSubmission, targetProject } from './build-request.ts'
import { submitUpload } from './submit-upload.ts'
import { submitUrls } from './submit-urls.ts'
import { resultsUrl } from '../frontend.ts'
import { type Api, answer, protectedBy } from '../http/answer.ts'
import { parseForm, readForm } from '../http/read-form.ts'
import { requireBuild } from '../api/find-or-404.ts'
import { presentBuild } from './present-build.ts'

const NOT_PAGED = { limit: null, offset: null, order: null, order_type: null }

export function buildCreateRoutes(api: Api): void {
  const { frontend } = api
  const { db } = frontend
  const results_url = resultsUrl(frontend.config)

  answer(api, '/build/check-before-build', {
    POST: protectedBy(
      {
        summary: 'Would a build with these options be accepted?',
        access: 'build',
        scope: 'build',
        body: BuildTarget.extend(BuildOptions.shape),
        answer: z.strictObject({ message: z.string() }),
      },
      async (c, user) => {
        const form = await readForm(c)
        const project = await targetProject(frontend, form)
        const options = parseForm(BuildOptions, form)
        await prepareSubmission(frontend, { user, project, options })
        return c.json({ message: `It should be safe to submit a build into ${project.name}` })
      },
    ),
  })

  answer(api, '/build/create/url', {
    POST: protectedBy(
      {
        summary: 'Build source packages from URLs, a build for each',
        access: 'build',
        scope: 'build',
        body: BuildTarget.extend(UrlBuild.shape),
        answer: listOf(BuildAnswer),
      },
      async (c, user) => {
        const ids = await submitUrls(frontend, user, await readForm(c))
        const items = (await loadBuilds(db, ids)).map((build) => presentBuild(build, results_url))
        return c.json({ items, meta: NOT_PAGED })
      },
    ),
  })

  answer(api, '/build/create/upload', {
    POST: protectedBy(
      {
        summary: 'Build an uploaded source package',
        access: 'build',
        scope: 'build',
        body: BuildTarget.extend(BuildOptions.shape),
        file: 'pkgs',
        answer: BuildAnswer,
      },
      async (c, user) => {
        const id = await submitUpload(c, frontend, user)
        return c.json(presentBuild(await requireBuild(db, id), results_url))
      },
    ),
  })
}
