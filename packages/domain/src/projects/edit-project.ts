import { CoprError } from '@copr/process/errors'
import { audit } from '../audit/audit.ts'
import { requireActiveChroots } from '../chroots/chroot-queries.ts'
import { notify } from '../database/notify.ts'
import { alignDevelRepositories } from './devel-repositories.ts'
import type { Db, Tx } from '../database/open.ts'
import type { Actor } from '../audit/actor.ts'
import { enableChroots } from './create-project.ts'
import { isOffered, listProjectChroots, type ProjectChroot } from './project-chroots.ts'
import type { Project } from './project-queries.ts'
import type { ProjectSettings } from './project-settings.ts'

export interface ProjectChanges {
  project: Pick<Project, 'id' | 'ownername' | 'name'>
  settings: Partial<ProjectSettings>
  /** The complete set of chroots to enable; undefined leaves the chroots unchanged. */
  chroots?: string[] | undefined
  now: Date
}

/** How long the results of a disabled chroot are kept, so that the owner can enable it again. */
const KEPT_MS = 7 * 24 * 60 * 60 * 1000

export async function editProject(
  db: Db,
  actor: Actor,
  { project, settings, chroots, now }: ProjectChanges,
): Promise<Project> {
  return await db.transaction().execute(async (tx) => {
    if (chroots) await setChroots(tx, project.id, chroots, now)
    if (Object.keys(settings).length > 0)
      await tx.updateTable('project').set(settings).where('id', '=', project.id).execute()
    if (settings.devel_mode !== undefined) {
      await alignDevelRepositories(tx, project.id)
      await notify(tx, 'copr_repository')
    }
    await audit(
      tx,
      actor,
      {
        action: 'project.edit',
        project_id: project.id,
        subject: `${project.ownername}/${project.name}`,
        details: { ...settings, ...(chroots ? { chroots } : {}) },
      },
      now,
    )
    return await tx
      .selectFrom('project')
      .selectAll()
      .where('id', '=', project.id)
      .executeTakeFirstOrThrow()
  })
}

async function setChroots(tx: Tx, project_id: number, names: string[], now: Date): Promise<void> {
  const wanted = await requireActiveChroots(tx, names)
  if (wanted.length === 0)
    throw new CoprError('invalid', 'chroots: at least one chroot is required')
  const wantedIds = new Set(wanted.map((chroot) => chroot.id))
  const enabled = (await listProjectChroots(tx, [project_id])).filter(isOffered)
  const enabledIds = new Set(enabled.map((chroot) => chroot.chroot_id))
  const dropped = enabled.filter((chroot) => !wantedIds.has(chroot.chroot_id))
  await disableChroots(tx, project_id, dropped, now)
  await enableChroots(
    tx,
    project_id,
    wanted.filter((chroot) => !enabledIds.has(chroot.id)),
  )
}

async function disableChroots(
  tx: Tx,
  project_id: number,
  chroots: ProjectChroot[],
  now: Date,
): Promise<void> {
  if (chroots.length === 0) return
  const ids = chroots.map((chroot) => chroot.chroot_id)
  const busy = await tx
    .selectFrom('build_chroot')
    .innerJoin('build', 'build.id', 'build_chroot.build_id')
    .innerJoin('chroot', 'chroot.id', 'build_chroot.chroot_id')
    .select(['build.id', 'chroot.name'])
    .where('build.project_id', '=', project_id)
    .where('build.finished_at', 'is', null)
    .where('build_chroot.ended_at', 'is', null)
    .where('build_chroot.chroot_id', 'in', ids)
    .orderBy('build.id')
    .execute()
  if (busy.length > 0) {
    const list = busy.map(({ id, name }) => `${name} (build ${id})`).join(', ')
    throw new CoprError(
      'conflict',
      `Can't drop chroot from project, related builds are still in progress: ${list}; wait for them or cancel them`,
    )
  }
  await tx
    .updateTable('project_chroot')
    .set({ is_enabled: false, delete_after: new Date(now.getTime() + KEPT_MS) })
    .where('project_id', '=', project_id)
    .where('chroot_id', 'in', ids)
    .execute()
}
