import { NewProjectSecret, ProjectSecretsAnswer } from '@copr/contract/api/webhooks'
import type { Project } from '@copr/domain/projects/project-queries'
import { deleteSecret, listSecrets } from '@copr/domain/secrets/project-secrets'
import { CoprError } from '@copr/process/errors'
import { type Api, answer, pathPart } from '../http/answer.ts'
import { inProject } from '../http/in-project.ts'
import { parseForm, readForm } from '../http/read-form.ts'
import { storeSecret } from './project-secret.ts'

/** Adds the routes for a project's git credentials and forge tokens, whose values are in no response. Copr's API does not have them. */
export function secretRoutes(api: Api): void {
  const { frontend } = api
  const { db, now } = frontend

  async function secretsOf({ id }: Pick<Project, 'id'>) {
    const found = await listSecrets(db, id)
    return {
      secrets: found.flatMap(({ project_id: _, kind, changed_at, ...secret }) =>
        kind === 'webhook'
          ? []
          : [{ ...secret, kind, changed_on: Math.floor(changed_at.getTime() / 1000) }],
      ),
    }
  }

  answer(api, '/project/secrets/:ownername/:projectname', {
    GET: inProject(
      {
        summary: 'The git credentials and forge tokens of a project, without their values',
        access: 'edit',
        scope: 'read',
        answer: ProjectSecretsAnswer,
      },
      async (c, { project }) => c.json(await secretsOf(project)),
    ),
    PUT: inProject(
      {
        summary: 'Set git credentials or the token of a forge; replaces those for the same URL',
        access: 'edit',
        scope: 'admin',
        body: NewProjectSecret,
        answer: ProjectSecretsAnswer,
      },
      async (c, { user, project }) => {
        await storeSecret(frontend, user, project, parseForm(NewProjectSecret, await readForm(c)))
        return c.json(await secretsOf(project))
      },
    ),
  })

  answer(api, '/project/secrets/:ownername/:projectname/:secret_id{[0-9]+}', {
    DELETE: inProject(
      {
        summary: 'Delete git credentials or the token of a forge',
        access: 'edit',
        scope: 'admin',
        answer: ProjectSecretsAnswer,
      },
      async (c, { user, project }) => {
        const id = Number(pathPart(c, 'secret_id'))
        const secret = { project, id, now: now() }
        if (!Number.isSafeInteger(id) || !(await deleteSecret(db, user, secret)))
          throw new CoprError(
            'not_found',
            `Secret ${id} does not exist in ${project.ownername}/${project.name}`,
          )
        return c.json(await secretsOf(project))
      },
    ),
  })
}
