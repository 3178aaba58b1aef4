import type { Project } from '@copr/domain/projects/project-queries'
import { sealedSecrets, secretName, setSecret } from '@copr/domain/secrets/project-secrets'
import type { NewProjectSecret, WebhookSettings } from '@copr/contract/api/webhooks'
import { changeWebhookSettings } from '@copr/domain/projects/webhook-secret'
import { CoprError } from '@copr/process/errors'
import type { UserActor } from '@copr/domain/audit/actor'
import type { Frontend } from '../frontend.ts'
import { randomSecret } from './random-secret.ts'

/** Seals git credentials or a forge token and stores them. Only the backend can open them. */
export async function storeSecret(
  { db, keygen, now }: Frontend,
  actor: UserActor,
  project: Project,
  { password, ...secret }: NewProjectSecret,
): Promise<void> {
  const { kind, url } = secret
  const name = secretName({ project_id: project.id, kind, url })
  const sealed = await keygen.seal({ ...name, secret: password })
  await setSecret(db, actor, { project, secret, sealed, now: now() })
}

const signing = (project_id: number) =>
  ({ project_id, kind: 'webhook', url: '' }) as const satisfies Parameters<typeof secretName>[0]

/** Replaces the secret with which forges sign deliveries; returns the new secret, which is shown only this once. */
export async function replaceSigningSecret(
  { db, keygen, now }: Frontend,
  actor: UserActor,
  project: Project,
  secret = randomSecret(),
): Promise<string> {
  const sealed = await keygen.seal({ ...secretName(signing(project.id)), secret })
  const described = { kind: 'webhook', url: '' } as const
  await setSecret(db, actor, { project, secret: described, sealed, now: now() })
  return secret
}

/** Returns the signing secret of a project; undefined if it has none. */
export async function signingSecret(
  { db, keygen }: Pick<Frontend, 'db' | 'keygen'>,
  project_id: number,
): Promise<string | undefined> {
  const [found] = await sealedSecrets(db, project_id, 'webhook')
  if (!found) return undefined
  return await keygen.open({ ...secretName(found), sealed: found.sealed })
}

export async function hasSigningSecret(
  { db }: Pick<Frontend, 'db'>,
  project_id: number,
): Promise<boolean> {
  return (await sealedSecrets(db, project_id, 'webhook')).length > 0
}

/** Changes the settings for a project's webhooks. Signatures can be required only once there is a signing secret. */
export async function changeSettings(
  frontend: Frontend,
  actor: UserActor,
  project: Project,
  changes: WebhookSettings,
): Promise<void> {
  if (changes.signed_only && !(await hasSigningSecret(frontend, project.id)))
    throw new CoprError(
      'invalid',
      'signed_only: make a signing secret first, and enter it in the settings of the forge',
    )
  await changeWebhookSettings(frontend.db, actor, project, { changes, now: frontend.now() })
}
