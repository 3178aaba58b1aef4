import type { Project } from '@copr/domain/projects/project-queries'
import { sameSecret } from '@copr/process/http-server'
import type { Context } from 'hono'
import type { Frontend } from '../frontend.ts'
import { attempt, countedWebhook } from '../http/attempts.ts'

/** Whether a webhook secret is correct. Throws a 429 after too many wrong secrets, but not for a secret that was correct before. */
export async function isWebhookSecret(
  c: Context,
  frontend: Frontend,
  { id, webhook_secret }: Project,
  secret: string,
): Promise<boolean> {
  const isRight = await attempt(frontend, {
    counted: countedWebhook(c, frontend, String(id)),
    credential: `webhook ${id}:${secret}`,
    look: async () =>
      webhook_secret !== null && sameSecret(webhook_secret, secret) ? true : undefined,
  })
  return isRight === true
}
