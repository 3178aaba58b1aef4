import type { SourceType } from '@copr/contract/states'
import { CoprError } from '@copr/process/errors'
import { audit } from '../audit/audit.ts'
import type { Db, Tx } from '../database/open.ts'
import { isUniqueViolation } from '../database/errors.ts'
import type { Project } from '../projects/project-queries.ts'
import type { Actor } from '../audit/actor.ts'
import type { Package } from './package-queries.ts'

/** Changes to the editable settings of a package and to its source. */
export type PackageChanges = Partial<
  Pick<Package, 'webhook_rebuild' | 'max_builds' | 'timeout_seconds' | 'chroot_denylist'>
> & { source?: { type: SourceType; json: Record<string, unknown> } | undefined }

interface Change {
  actor: Actor
  project: Pick<Project, 'id' | 'ownername' | 'name'>
  name: string
}

export async function addPackage(
  db: Db,
  { actor, project, name, changes }: Change & { changes: PackageChanges },
  now: Date,
): Promise<Package> {
  try {
    return await db.transaction().execute(async (tx) => {
      const { source, ...settings } = changes
      const added = await tx
        .insertInto('package')
        .values({
          ...settings,
          project_id: project.id,
          name,
          source_type: source?.type ?? 'unset',
          source_json: JSON.stringify(source?.json ?? {}),
          created_at: now,
        })
        .returningAll()
        .executeTakeFirstOrThrow()
      await note(tx, { actor, project, name }, 'add', changes, now)
      return added
    })
  } catch (error) {
    if (isUniqueViolation(error))
      throw new CoprError(
        'conflict',
        `Package ${name} already exists in copr ${project.ownername}/${project.name}`,
      )
    throw error
  }
}

export async function editPackage(
  db: Db,
  { actor, project, name, changes }: Change & { changes: PackageChanges },
  now: Date,
): Promise<Package> {
  return await db.transaction().execute(async (tx) => {
    const found = await lockPackage(tx, project, name)
    const edited = await updatePackage(tx, found, changes)
    await note(tx, { actor, project, name }, 'edit', changes, now)
    return edited
  })
}

/** Removes the source settings of a package; they must be configured again before its next build. Existing builds are kept. */
export async function resetPackage(
  db: Db,
  { actor, project, name }: Change,
  now: Date,
): Promise<Package> {
  return await db.transaction().execute(async (tx) => {
    const found = await lockPackage(tx, project, name)
    const edited = await updatePackage(tx, found, { source: { type: 'unset', json: {} } })
    await note(tx, { actor, project, name }, 'reset', {}, now)
    return edited
  })
}

/** Returns the package and locks it for the rest of the transaction; throws `not_found` if it does not exist. */
export async function lockPackage(
  tx: Tx,
  project: Pick<Project, 'id' | 'ownername' | 'name'>,
  name: string,
): Promise<Package> {
  const found = await tx
    .selectFrom('package')
    .selectAll()
    .where('project_id', '=', project.id)
    .where('name', '=', name)
    .forUpdate()
    .executeTakeFirst()
  if (!found)
    throw new CoprError(
      'not_found',
      `No package with name ${name} in copr ${project.name} of ${project.ownername}`,
    )
  return found
}

async function updatePackage(
  tx: Tx,
  found: Package,
  { source, ...settings }: PackageChanges,
): Promise<Package> {
  const stored = source && { source_type: source.type, source_json: JSON.stringify(source.json) }
  const changes = { ...settings, ...stored }
  if (Object.keys(changes).length === 0) return found
  return await tx
    .updateTable('package')
    .set(changes)
    .where('id', '=', found.id)
    .returningAll()
    .executeTakeFirstOrThrow()
}

async function note(
  tx: Tx,
  { actor, project, name }: Change,
  verb: string,
  { source, ...settings }: PackageChanges,
  now: Date,
): Promise<void> {
  await audit(
    tx,
    actor,
    {
      action: `package.${verb}`,
      project_id: project.id,
      subject: `${project.ownername}/${project.name} ${name}`,
      details: { ...settings, ...(source && { source_type: source.type, source: source.json }) },
    },
    now,
  )
}
