import { BuildOptions } from '@copr/contract/api/builds'
import { findPackage, type Package } from '@copr/domain/packages/package-queries'
import { listEnabledChroots } from '@copr/domain/projects/project-chroots'
import { findProject, findProjectById, type Project } from '@copr/domain/projects/project-queries'
import { refusalOfDirname } from '@copr/domain/projects/project-dirname'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { randomUUID } from 'node:crypto'
import { submitPackage } from '../builds/submit-package.ts'
import type { Frontend } from '../frontend.ts'
import { MAX_WEBHOOK_BYTES, readBody } from '../http/read-form.ts'
import { isWebhookSecret } from './webhook-secret.ts'

/** The text of each failure, which scripts match, and its status. */
const FAILURES = {
  COPR_ID_OR_UUID_TOKEN_MISSING: 400,
  PROJECT_NOT_FOUND: 404,
  BAD_UUID: 403,
  PACKAGE_NAME_REQUIRED: 400,
  PACKAGE_NOT_FOUND: 404,
  CANT_CREATE_DIRECTORY: 400,
  NO_ACTIVE_CHROOTS_IN_PROJECT: 400,
  BUILD_REQUEST_ERROR: 400,
} as const

interface Call {
  project: Project | undefined
  secret: string
  package_name: string | undefined
  dirname?: string
}

/** Serves custom webhooks, which build one package of any source type and return the build's id. */
export function customWebhooks(frontend: Frontend): Hono {
  const { db, uploads } = frontend
  const app = new Hono({ strict: false })
  const fail = (c: Context, word: keyof typeof FAILURES): Response =>
    c.text(`${word}\n`, FAILURES[word])

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
    if (!package_name) return fail(c, 'PACKAGE_NAME_REQUIRED')
    const pack = await findPackage(db, project.id, package_name)
    if (!pack) return fail(c, 'PACKAGE_NOT_FOUND')
    if ((await listEnabledChroots(db, project.id)).length === 0)
      return fail(c, 'NO_ACTIVE_CHROOTS_IN_PROJECT')
    const options = BuildOptions.safeParse({ background: true, project_dirname: dirname })
    const isRefused =
      !options.success ||
      (await refusalOfDirname(db, project, dirname ?? project.name)) !== undefined
    if (isRefused) return fail(c, 'CANT_CREATE_DIRECTORY')
    try {
      return c.text(`${await submit(c, project, pack, options.data)}\n`)
    } catch (error) {
      if (error instanceof CoprError) return fail(c, 'BUILD_REQUEST_ERROR')
      throw error
    }
  }

  /** Stores the body for the builder, and submits the build; if that fails, the body is deleted. */
  async function submit(c: Context, project: Project, pack: Package, options: BuildOptions) {
    const body = await readBody(c.req.raw, MAX_WEBHOOK_BYTES)
    const tmp = randomUUID()
    try {
      await uploads.write(tmp, 'hook_payload', body)
      const by = { id: null, submitted_by: 'custom webhook' }
      const source = { tmp, hook_data: true }
      return await submitPackage(frontend, { project, pack, options, by, source })
    } catch (error) {
      await uploads.drop(tmp)
      throw error
    }
  }
  return app
}
