import { findProject, findProjectById, type Project } from '@copr/domain/projects/project-queries'
import { type Context, Hono } from 'hono'
import type { Frontend } from '../frontend.ts'
import { CustomWebhookError, FAILURES, type FailureWord } from './build-custom.ts'
import { processDelivery } from './process-delivery.ts'
import { receive } from './receive.ts'
import { isWebhookSecret } from './webhook-secret.ts'

interface Call {
  project: Project | undefined
  secret: string
  package_name: string | undefined
  dirname?: string
}

/** Serves custom webhooks, which build one package of any source type and return the build's id. */
export function customWebhooks(frontend: Frontend): Hono {
  const { db } = frontend
  const app = new Hono({ strict: false })
  const fail = (c: Context, word: FailureWord): Response => c.text(`${word}\n`, FAILURES[word])

  for (const rest of ['', '/:id', '/:id/:secret', '/:id/:secret/:package'])
    app.post(`/webhooks/custom${rest}`, async (c) => {
      const { id = '', secret, package: package_name } = c.req.param() as Record<string, string>
      if (c.req.header('x-github-event') === 'ping') return c.text('SKIPPED\n')
      if (id === '' || secret === undefined) return fail(c, 'COPR_ID_OR_UUID_TOKEN_MISSING')
      const project = /^\d{1,15}$/.test(id) ? await findProjectById(db, Number(id)) : undefined
      return await build(c, { project, secret, package_name })
    })

  for (const rest of ['', '/:package'])
    app.post(`/webhooks/custom-dir/:owner/:dirname/:secret${rest}`, async (c) => {
      const params = c.req.param() as Record<string, string>
      const { owner = '', dirname = '', secret = '', package: package_name } = params
      const project = await findProject(db, owner, dirname.split(':')[0] ?? '')
      return await build(c, { project, secret, package_name, dirname })
    })

  async function build(c: Context, { project, secret, package_name, dirname }: Call) {
    if (!project) return fail(c, 'PROJECT_NOT_FOUND')
    if (!(await isWebhookSecret(c, frontend, project, secret))) return fail(c, 'BAD_UUID')
    const at = { project, source: 'custom' as const, package_name, dirname }
    try {
      const { decisions } = await processDelivery(frontend, await receive(c, frontend, at))
      return c.text(`${decisions[0]?.build_id ?? ''}\n`)
    } catch (error) {
      if (error instanceof CustomWebhookError) return fail(c, error.word)
      throw error
    }
  }
  return app
}
