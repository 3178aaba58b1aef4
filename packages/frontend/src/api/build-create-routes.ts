import { BuildOptions } from '@copr/contract/api/builds'
import { loadBuilds } from '@copr/domain/builds/build-queries'
import { Hono } from 'hono'
import { prepareSubmission, targetProject } from '../builds/build-request.ts'
import { submitUpload } from '../builds/submit-upload.ts'
import { submitUrls } from '../builds/submit-urls.ts'
import { type Frontend, resultsUrl } from '../frontend.ts'
import { answer } from '../http/answer.ts'
import { requireUser } from '../http/authenticate.ts'
import { parseForm, readForm } from '../http/read-form.ts'
import { requireBuild } from './find-or-404.ts'
import { presentBuild } from './present-build.ts'

const NOT_PAGED = { limit: null, offset: null, order: null, order_type: null }

export function buildCreateRoutes(frontend: Frontend): Hono {
  const { db } = frontend
  const app = new Hono({ strict: false })
  const results_url = resultsUrl(frontend.config)

  answer(app, '/build/check-before-build', {
    POST: async (c) => {
      const user = await requireUser(c, frontend)
      const form = await readForm(c)
      const project = await targetProject(frontend, form)
      const options = parseForm(BuildOptions, form)
      await prepareSubmission(frontend, { user, project, options })
      return c.json({ message: `It should be safe to submit a build into ${project.name}` })
    },
  })

  answer(app, '/build/create/url', {
    POST: async (c) => {
      const user = await requireUser(c, frontend)
      const ids = await submitUrls(frontend, user, await readForm(c))
      const items = (await loadBuilds(db, ids)).map((build) => presentBuild(build, results_url))
      return c.json({ items, meta: NOT_PAGED })
    },
  })

  answer(app, '/build/create/upload', {
    POST: async (c) => {
      const user = await requireUser(c, frontend)
      const id = await submitUpload(c, frontend, user)
      return c.json(presentBuild(await requireBuild(db, id), results_url))
    },
  })
  return app
}
