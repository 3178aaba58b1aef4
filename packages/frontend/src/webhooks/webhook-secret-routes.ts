import { WebhookSecretAnswer } from '@copr/contract/api/permissions'
import { makeWebhookSecret } from '@copr/domain/projects/webhook-secret'
import { type Api, answer } from '../http/answer.ts'
import { inProject } from '../http/in-project.ts'

export function webhookRoutes(api: Api): void {
  const { db, now } = api.frontend

  answer(api, '/webhook/generate/:ownername/:projectname', {
    POST: inProject(
      {
        summary: 'Replace the webhook secret of a project',
        access: 'edit',
        scope: 'admin',
        gives: ['build'],
        answer: WebhookSecretAnswer,
      },
      async (c, { user, project }) => {
        const webhook_secret = await makeWebhookSecret(db, user, project, now())
        const { id, name, ownername } = project
        return c.json({ id, name, ownername, full_name: `${ownername}/${name}`, webhook_secret })
      },
    ),
  })
}
