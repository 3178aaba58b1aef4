import { findProjectById, type Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { customWebhooks } from './custom-webhooks.ts'
import type { Forge } from './forges/forges.ts'
import { processDelivery } from './process-delivery.ts'
import { receive } from './receive.ts'
import { isWebhookSecret } from './webhook-secret.ts'

/** The path segment for each forge. Webhooks of Gitea are handled like those of Forgejo. */
const PATHS = {
  github: 'github',
  gitlab: 'gitlab',
  bitbucket: 'bitbucket',
  forgejo: 'forgejo',
  gitea: 'forgejo',
} as const satisfies Record<string, Forge>

/**
 * Receives the webhooks that forges send. They are authenticated by the secret in the URL and, if the project requires it, by a signature.
 */
export function webhookReceivers(frontend: Frontend): Hono {
  const app = new Hono({ strict: false })
  app.route('/', customWebhooks(frontend))

  for (const [path, source] of Object.entries(PATHS))
    for (const rest of ['', '/:package'])
      app.post(`/webhooks/${path}/:id{[0-9]+}/:secret${rest}`, async (c) => {
        if (source === 'github') {
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
        const at = { project, source, package_name: c.req.param('package'), dirname: undefined }
        await processDelivery(frontend, await receive(c, frontend, at))
        return c.text('OK')
      })
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
