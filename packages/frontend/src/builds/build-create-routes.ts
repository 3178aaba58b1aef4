import { listOf } from '@copr/contract/api/lists'
import { z } from 'zod'
import { BuildAnswer, BuildOptions, BuildTarget, UrlBuild } from '@copr/contract/api/builds'
import { loadBuilds } from '@copr/domain/builds/build-queries'
import { prepareSubmission, projectOfForm, readOptions, targetOfForm } from './build-request.ts'
import { receiveSrpm, submitUpload } from './submit-upload.ts'
import { readUrls, submitUrls } from './submit-urls.ts'
import { resultsUrl } from '../frontend.ts'
import { type Api, answer, type UserRequest } from '../http/answer.ts'
import { inProjectOf } from '../http/in-project.ts'
import { requireBuild } from '../api/find-or-404.ts'
import { presentBuild } from './present-build.ts'

const NOT_PAGED = { limit: null, offset: null, order: null, order_type: null }

export function buildCreateRoutes(api: Api): void {
  const { frontend } = api
  const { db } = frontend
  const results_url = resultsUrl(frontend.config)

  answer(api, '/build/check-before-build', {
    POST: inProjectOf(
      targetOfForm(readOptions),
      {
        summary: 'Check whether a build with these options would be accepted',
        access: 'build',
        refusal: (user, project) => `User '${user}' is not allowed to build in '${project}'.`,
        scope: 'build',
        body: BuildTarget.extend(BuildOptions.shape),
        answer: z.strictObject({ message: z.string() }),
      },
      async (c, submission) => {
        const { project } = await prepareSubmission(frontend, submission)
        return c.json({ message: `It should be safe to submit a build into ${project.name}` })
      },
    ),
  })

  answer(api, '/build/create/url', {
    POST: inProjectOf(
      targetOfForm(readUrls),
      {
        summary: 'Build source packages or spec files from URLs, one build per URL',
        access: 'build',
        scope: 'build',
        body: BuildTarget.extend(UrlBuild.shape),
        answer: listOf(BuildAnswer),
      },
      async (c, submission) => {
        const ids = await submitUrls(frontend, submission)
        const items = (await loadBuilds(db, ids)).map((build) => presentBuild(build, results_url))
        return c.json({ items, meta: NOT_PAGED })
      },
    ),
  })

  answer(api, '/build/create/upload', {
    POST: inProjectOf(
      targetOfUpload,
      {
        summary: 'Build an uploaded source package or spec file',
        access: 'build',
        scope: 'build',
        body: BuildTarget.extend(BuildOptions.shape),
        file: 'pkgs',
        answer: BuildAnswer,
      },
      async (c, submission) => {
        const id = await submitUpload(frontend, submission)
        return c.json(presentBuild(await requireBuild(db, id), results_url))
      },
    ),
  })
}

/**
 * Receives the upload before anything is checked, because the project is named in its form. If the request is refused, the uploaded file is
 * deleted.
 */
async function targetOfUpload({ c, frontend, cleanup }: UserRequest) {
  const upload = cleanup.use(await receiveSrpm(c, frontend))
  const { form } = upload
  const project = await projectOfForm(frontend, form)
  return { upload, project, ...(await readOptions(frontend, { project, form })) }
}
