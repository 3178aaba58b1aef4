import { BuildOptions, UrlBuild } from '@copr/contract/api/builds'
import { loadBuilds } from '@copr/domain/builds/build-queries'
import { submitBuild } from '@copr/domain/builds/submit'
import { Hono } from 'hono'
import { prepareSubmission, targetProject } from '../builds/build-request.ts'
import { submitUpload } from '../builds/submit-upload.ts'
import { type Frontend, resultsUrl } from '../frontend.ts'
import { answer } from '../http/answer.ts'
import { requireUser } from '../http/authenticate.ts'
import { parseForm, readForm } from '../http/read-form.ts'
import { requireBuild } from './find-or-404.ts'
import { presentBuild } from './present-build.ts'

const NOT_PAGED = { limit: null, offset: null, order: null, order_type: null }

export function buildCreateRoutes(frontend: Frontend): Hono {
  const { db, now } = frontend
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
      const form = await readForm(c)
      const project = await targetProject(frontend, form)
      const { pkgs, ...options } = parseForm(UrlBuild, form)
      const prepared = await prepareSubmission(frontend, { user, project, options })
      const ids: number[] = []
      for (const url of pkgs) {
        const source = { type: 'link' as const, json: { url } }
        ids.push(await submitBuild(db, { ...prepared, source }, now()))
      }
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
