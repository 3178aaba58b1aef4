import { BuildOptions } from '@copr/contract/api/builds'
import { listRebuiltByWebhook, type Package } from '@copr/domain/packages/package-queries'
import { findProjectById, type Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { submitPackage } from '../builds/submit-package.ts'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { requireFewFields } from '../http/body-limits.ts'
import { urlEncodedFields } from '../http/url-encoded.ts'
import { jsonOf, MAX_WEBHOOK_BYTES, readBody } from '../http/read-form.ts'
import { isWebhookSecret } from './webhook-secret.ts'
import { customWebhooks } from './custom-webhooks.ts'
import { type Forge, FORGES, type ForgeEvent } from './forge-events.ts'
import { isMatch } from './match-package.ts'

/** Receives the requests that forges send after a push; the secret in the URL authenticates them. */
export function webhookReceivers(frontend: Frontend): Hono {
  const { db, log } = frontend
  const app = new Hono({ strict: false })
  app.route('/', customWebhooks(frontend))

  for (const forge of Object.keys(FORGES) as Forge[])
    for (const rest of ['', '/:package'])
      app.post(`/webhooks/${forge}/:id{[0-9]+}/:secret${rest}`, async (c) => {
        if (forge === 'github') {
          const event = c.req.header('x-github-event')
          if (event === undefined)
            throw new CoprError(
              'invalid',
              'Cannot accept the webhook: the header X-GitHub-Event is missing',
            )
          if (event === 'ping') return c.text('OK')
        }
        const project = await requireHookedProject(c, frontend, {
          id: Number(pathPart(c, 'id')),
          secret: pathPart(c, 'secret'),
        })
        const event = await readEvent(c, forge)
        if (event) await buildMatching(project, event, c.req.param('package'))
        return c.text('OK')
      })

  async function buildMatching(
    project: Project,
    event: ForgeEvent,
    named: string | undefined,
  ): Promise<void> {
    const packages = await listRebuiltByWebhook(db, project.id)
    for (const pack of packages.filter((each) => isMatch(each, event, named))) {
      try {
        const build_id = await buildAt(project, pack, event)
        log.info(
          { project_id: project.id, package: pack.name, build_id },
          'Webhook submitted a build',
        )
      } catch (error) {
        // A package that cannot be built must not prevent the builds of others.
        if (!(error instanceof CoprError)) throw error
        log.warn(
          { err: error, project_id: project.id, package: pack.name },
          'Webhook cannot submit a build',
        )
      }
    }
  }

  async function buildAt(project: Project, pack: Package, event: ForgeEvent): Promise<number> {
    return await submitPackage(frontend, {
      project,
      pack,
      options: BuildOptions.parse({ background: true }),
      by: { id: null, submitted_by: event.sender },
      source: { committish: event.commit },
    })
  }
  return app
}

/** Finds the project of a webhook URL: 404 if it does not exist, 403 if the secret is wrong. */
async function requireHookedProject(
  c: Context,
  frontend: Frontend,
  { id, secret }: { id: number; secret: string },
): Promise<Project> {
  const project = Number.isSafeInteger(id) ? await findProjectById(frontend.db, id) : undefined
  if (!project) throw new CoprError('not_found', `Project ${id} does not exist`)
  if (!(await isWebhookSecret(c, frontend, project, secret)))
    throw new CoprError(
      'forbidden',
      'The secret in the webhook URL is not the secret of the project',
    )
  return project
}

async function readEvent(c: Context, forge: Forge): Promise<ForgeEvent | undefined> {
  const bytes = await readBody(c.req.raw, MAX_WEBHOOK_BYTES)
  const isForm = c.req.header('content-type')?.startsWith('application/x-www-form-urlencoded')
  if (isForm) requireFewFields(bytes, '&', 1)
  const payload = (): string =>
    urlEncodedFields(bytes).find(([name]) => name === 'payload')?.[1] ?? ''
  const body = jsonOf(isForm ? payload() : bytes.toString('utf8'))
  try {
    return FORGES[forge](body)
  } catch (cause) {
    if (!(cause instanceof z.ZodError)) throw cause
    throw new CoprError('invalid', `Cannot accept the webhook: ${z.prettifyError(cause)}`, {
      cause,
    })
  }
}
