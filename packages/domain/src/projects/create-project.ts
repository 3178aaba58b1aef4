import { audit } from '../audit/audit.ts'
import { alignDevelRepositories } from './devel-repositories.ts'
import type { Actor } from '../audit/actor.ts'
import { CoprError } from '@copr/process/errors'
import { requireActiveChroots, type Chroot } from '../chroots/chroot-queries.ts'
import { isUniqueViolation } from '../database/errors.ts'
import { notify } from '../database/notify.ts'
import type { Db, Tx } from '../database/open.ts'
import type { Project } from './project-queries.ts'
import type { ProjectSettings } from './project-settings.ts'

export interface NewProject {
  ownername: string
  name: string
  /** The user who creates it; `ownername` may be a group. */
  user_id: number
  chroots: string[]
  settings?: Partial<ProjectSettings>
  now: Date
}

/** Creates a project with its main directory, and with a repository for each chroot; the empty repositories are published later. */
export async function createProject(db: Db, actor: Actor, wanted: NewProject): Promise<Project> {
  const { ownername, name, user_id, settings = {}, now } = wanted
  const chroots = await requireActiveChroots(db, wanted.chroots)
  if (chroots.length === 0)
    throw new CoprError('invalid', 'chroots: at least one chroot is required')
  try {
    return await db.transaction().execute(async (tx) => {
      const project = await tx
        .insertInto('project')
        .values({ ...settings, ownername, name, user_id, created_at: now })
        .returningAll()
        .executeTakeFirstOrThrow()
      await tx
        .insertInto('project_dir')
        .values({ project_id: project.id, name, created_at: now })
        .execute()
      await enableChroots(tx, project.id, chroots)
      const subject = `${ownername}/${name}`
      const details = { ...settings, chroots: wanted.chroots }
      const change = { action: 'project.add', project_id: project.id, subject, details }
      await audit(tx, actor, change, now)
      return project
    })
  } catch (error) {
    if (isUniqueViolation(error))
      throw new CoprError('invalid', `name: ${nameTaken(ownername, name)}`)
    throw error
  }
}

/** The error for a name that the owner already uses, with Copr's wording. */
export function nameTaken(ownername: string, name: string): string {
  const fact = ownername.startsWith('@')
    ? `Group ${ownername.slice(1)} already has a project named '${name}'.`
    : `You already have a project named '${name}'.`
  return `${fact} ${ownername}/${name} already exists`
}

/** Enables chroots, and requests publication of a repository for each of them in each directory of the project. */
export async function enableChroots(tx: Tx, project_id: number, chroots: Chroot[]): Promise<void> {
  if (chroots.length === 0) return
  await tx
    .insertInto('project_chroot')
    .values(chroots.map((chroot) => ({ project_id, chroot_id: chroot.id })))
    .onConflict((oc) =>
      oc.columns(['project_id', 'chroot_id']).doUpdateSet({ is_enabled: true, delete_after: null }),
    )
    .execute()
  const ids = chroots.map((chroot) => chroot.id)
  await tx
    .insertInto('repository')
    .columns(['project_dir_id', 'chroot_id'])
    .expression((eb) =>
      eb
        .selectFrom('project_dir')
        .innerJoin('chroot', (join) => join.on('chroot.id', 'in', ids))
        .select(['project_dir.id', 'chroot.id as chroot_id'])
        .where('project_dir.project_id', '=', project_id),
    )
    // If the chroot was enabled before, its repository index may have been removed in the meantime, so it must be published again.
    .onConflict((oc) =>
      oc
        .constraint('repository_place')
        .doUpdateSet((eb) => ({ generation: eb('repository.generation', '+', 1) })),
    )
    .execute()
  await alignDevelRepositories(tx, project_id)
  await notify(tx, 'copr_repository')
}
