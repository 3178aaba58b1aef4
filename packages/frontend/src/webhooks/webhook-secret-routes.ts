import { WebhookSecretAnswer } from '@copr/contract/api/permissions'
import { requireRight } from '@copr/domain/projects/project-access'
import { makeWebhookSecret } from '@copr/domain/projects/webhook-secret'
import { type Api, answer, pathPart, protectedBy } from '../http/answer.ts'
import { requireProject } from '../api/find-or-404.ts'

export function webhookRoutes(api: Api): void {
  const { db, now } = api.frontend

  answer(api, '/webhook/generate/:ownername/:projectname', {
    POST: protectedBy(
      {
        summary: 'Replace the secret of the project’s webhooks',
        access: 'edit',
        scope: 'admin',
        gives: ['build'],
        answer: WebhookSecretAnswer,
      },
      async (c, user) => {
        const project = await requireProject(
          db,
          pathPart(c, 'ownername'),
          pathPart(c, 'projectname'),
        )
        await requireRight(db, user, project, 'edit')
        const webhook_secret = await makeWebhookSecret(db, user, project, now())
        const { id, name, ownername } = project
        return c.json({ id, name, ownername, full_name: `${ownername}/${name}`, webhook_secret })
      },
    ),
  })
}
