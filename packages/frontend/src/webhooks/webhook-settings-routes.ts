import {
  NewSigningSecret,
  SigningSecretAnswer,
  WebhookSettings,
  WebhookSettingsAnswer,
} from '@copr/contract/api/webhooks'
import { type Api, answer } from '../http/answer.ts'
import { inProject } from '../http/in-project.ts'
import { parseForm, readForm } from '../http/read-form.ts'
import { requireProject } from '../api/find-or-404.ts'
import { changeSettings, hasSigningSecret, replaceSigningSecret } from './project-secret.ts'

/**
 * Adds the routes for the webhook settings: whether deliveries must be signed, and which pull requests are built. Copr's API does not have
 * them.
 */
export function webhookSettingsRoutes(api: Api): void {
  const { frontend } = api

  async function settingsOf({ ownername, name }: { ownername: string; name: string }) {
    const project = await requireProject(frontend.db, ownername, name)
    return {
      signed_only: project.webhook_signed_only,
      pull_requests: project.webhook_pull_requests,
      has_signing_secret: await hasSigningSecret(frontend, project.id),
    }
  }

  answer(api, '/webhook/settings/:ownername/:projectname', {
    GET: inProject(
      {
        summary: 'The settings of the webhooks of a project',
        access: 'edit',
        scope: 'read',
        answer: WebhookSettingsAnswer,
      },
      async (c, { project }) => c.json(await settingsOf(project)),
    ),
    PUT: inProject(
      {
        summary: 'Change the settings of the webhooks of a project',
        access: 'edit',
        scope: 'admin',
        body: WebhookSettings,
        answer: WebhookSettingsAnswer,
      },
      async (c, { user, project }) => {
        await changeSettings(frontend, user, project, parseForm(WebhookSettings, await readForm(c)))
        return c.json(await settingsOf(project))
      },
    ),
  })

  answer(api, '/webhook/signing-secret/:ownername/:projectname', {
    POST: inProject(
      {
        summary: 'Replace the secret with which forges sign webhook deliveries',
        access: 'edit',
        scope: 'admin',
        gives: ['build'],
        body: NewSigningSecret,
        answer: SigningSecretAnswer,
      },
      async (c, { user, project }) => {
        const { secret } = parseForm(NewSigningSecret, await readForm(c))
        const signing_secret = await replaceSigningSecret(frontend, user, project, secret)
        return c.json({ signing_secret })
      },
    ),
  })
}
