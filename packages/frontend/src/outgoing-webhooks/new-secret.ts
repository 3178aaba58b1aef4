import { webhookContext } from '@copr/domain/outgoing-webhooks/project-webhooks'
import type { Project } from '@copr/domain/projects/project-queries'
import type { Frontend } from '../frontend.ts'
import { randomSecret } from '../webhooks/random-secret.ts'

/**
 * Generates a secret in the format of Standard Webhooks. Only its sealed form is stored in the database; keygen opens it for the backend.
 */
export async function newWebhookSecret(
  { keygen }: Pick<Frontend, 'keygen'>,
  project: Pick<Project, 'id'>,
): Promise<{ secret: string; sealed_secret: Buffer }> {
  const secret = randomSecret()
  const context = webhookContext(project)
  return { secret, sealed_secret: await keygen.seal({ purpose: 'outgoing', context, secret }) }
}
