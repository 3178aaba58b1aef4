import type { NewProjectSecret } from '@copr/contract/api/webhooks'
import type { SecretPurpose } from '@copr/contract/keygen-protocol'
import { CoprError } from '@copr/process/errors'
import { type Selectable, sql } from 'kysely'
import type { Actor } from '../audit/actor.ts'
import { audit } from '../audit/audit.ts'
import type { Db, Tx } from '../database/open.ts'
import type { ProjectSecretTable } from '../database/schema.ts'
import type { Project } from '../projects/project-queries.ts'

type SecretRow = Selectable<ProjectSecretTable>
/** A secret without its sealed value, for listing. */
export type ProjectSecret = Omit<SecretRow, 'sealed'>

/** The purpose and the context with which a secret is sealed. */
export interface SecretName {
  purpose: SecretPurpose
  context: string
}

/** A new secret without its value, which the caller seals separately. */
export type DescribedSecret = { kind: SecretPurpose } & Omit<NewProjectSecret, 'kind' | 'password'>

const MAX_SECRETS = 50

export function secretName({
  project_id,
  kind,
  url,
}: Pick<SecretRow, 'project_id' | 'kind' | 'url'>): SecretName {
  return { purpose: kind, context: `project ${project_id} ${url}` }
}

type Named = Pick<Project, 'id' | 'ownername' | 'name'>

/** Stores a sealed secret; replaces an existing one of the same kind for the same URL. */
export async function setSecret(
  db: Db,
  actor: Actor,
  wanted: { project: Named; secret: DescribedSecret; sealed: Buffer; now: Date },
): Promise<void> {
  const { project, secret, sealed, now } = wanted
  const { id: project_id } = project
  await db.transaction().execute(async (tx) => {
    await requireSpace(tx, project, secret)
    const { username = null, forge = null, api_url = null } = secret
    const values = { username, forge, api_url, sealed, changed_at: now, last_error: null }
    await tx
      .insertInto('project_secret')
      .values({ project_id, kind: secret.kind, url: secret.url, ...values })
      .onConflict((conflict) => conflict.columns(['project_id', 'kind', 'url']).doUpdateSet(values))
      .execute()
    // Retries the statuses that could not be reported with the previous token.
    if (secret.kind === 'forge')
      await tx
        .updateTable('commit_status')
        .set({ due_at: now, attempts: 0, given_up: null })
        .where('project_id', '=', project_id)
        .where('forge_url', '=', secret.url)
        .where('given_up', 'is not', null)
        .execute()
    const details = { kind: secret.kind, url: secret.url, username, forge, api_url }
    await audit(tx, actor, { action: 'project_secret.set', ...subjectOf(project), details }, now)
  })
}

/**
 * Deletes a secret; returns false if the project has none with this id. The signing secret of webhooks cannot be deleted, only replaced.
 */
export async function deleteSecret(
  db: Db,
  actor: Actor,
  { project, id, now }: { project: Named; id: number; now: Date },
): Promise<boolean> {
  return await db.transaction().execute(async (tx) => {
    const deleted = await tx
      .deleteFrom('project_secret')
      .where('project_id', '=', project.id)
      .where('id', '=', id)
      .where('kind', '<>', 'webhook')
      .returning(['kind', 'url'])
      .executeTakeFirst()
    if (!deleted) return false
    const change = { action: 'project_secret.delete', ...subjectOf(project), details: deleted }
    await audit(tx, actor, change, now)
    return true
  })
}

/** Lists the git credentials and forge tokens of a project, without their values. */
export async function listSecrets(db: Db, project_id: number): Promise<ProjectSecret[]> {
  return await db
    .selectFrom('project_secret')
    .select(['id', 'project_id', 'kind', 'url', 'username', 'forge', 'api_url'])
    .select(['changed_at', 'last_error'])
    .where('project_id', '=', project_id)
    .where('kind', '<>', 'webhook')
    .orderBy('kind')
    .orderBy('url')
    .execute()
}

/** Returns the secrets of one kind with their sealed values. */
export async function sealedSecrets(
  db: Db,
  project_id: number,
  kind: SecretPurpose,
): Promise<SecretRow[]> {
  return await db
    .selectFrom('project_secret')
    .selectAll()
    .where('project_id', '=', project_id)
    .where('kind', '=', kind)
    .orderBy('url')
    .execute()
}

/** Records the result of the last use of a secret: the error, which the project's page shows, or null if the use succeeded. */
export async function noteSecretUse(db: Db, id: number, last_error: string | null): Promise<void> {
  await db
    .updateTable('project_secret')
    .set({ last_error })
    .where('id', '=', id)
    .where(sql<boolean>`last_error is distinct from ${last_error}`)
    .execute()
}

async function requireSpace(
  tx: Tx,
  { id, ownername, name }: Named,
  { kind, url }: DescribedSecret,
): Promise<void> {
  // The lock serializes this change with other changes and with the deletion of the project.
  const living = await tx
    .selectFrom('project')
    .select('id')
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst()
  if (!living) throw new CoprError('not_found', `Project ${ownername}/${name} does not exist`)
  const { count } = await tx
    .selectFrom('project_secret')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('project_id', '=', id)
    .where((eb) => eb.or([eb('kind', '<>', kind), eb('url', '<>', url)]))
    .executeTakeFirstOrThrow()
  if (count >= MAX_SECRETS)
    throw new CoprError(
      'invalid',
      `Cannot store the secret: ${ownername}/${name} has ${count} secrets, which is the limit; delete one first`,
    )
}

function subjectOf({ id, ownername, name }: Named): { project_id: number; subject: string } {
  return { project_id: id, subject: `${ownername}/${name}` }
}
