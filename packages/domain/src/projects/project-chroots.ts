import type { Selectable } from 'kysely'
import type { Db } from '../database/open.ts'
import type { ProjectChrootTable } from '../database/schema.ts'

export interface ProjectChroot extends Selectable<ProjectChrootTable> {
  name: string
  os_release: string
  os_version: string
  arch: string
  /** Does the site still offer it? */
  is_active: boolean
}

const FACTS = [
  'chroot.name',
  'chroot.os_release',
  'chroot.os_version',
  'chroot.arch',
  'chroot.is_active',
] as const

/** All chroots whose data the project has: enabled ones, and those that wait for removal. */
export async function listProjectChroots(db: Db, project_ids: number[]): Promise<ProjectChroot[]> {
  if (project_ids.length === 0) return []
  return await db
    .selectFrom('project_chroot')
    .innerJoin('chroot', 'chroot.id', 'project_chroot.chroot_id')
    .selectAll('project_chroot')
    .select(FACTS)
    .where('project_id', 'in', project_ids)
    .where((eb) => eb.or([eb('is_enabled', '=', true), eb('delete_after', 'is not', null)]))
    .orderBy('chroot.id')
    .execute()
}

/** The chroots that a build of the project can go to. */
export async function listEnabledChroots(db: Db, project_id: number): Promise<ProjectChroot[]> {
  return (await listProjectChroots(db, [project_id])).filter(isOffered)
}

export function isOffered(chroot: Pick<ProjectChroot, 'is_enabled' | 'is_active'>): boolean {
  return chroot.is_enabled && chroot.is_active
}

/** Active site-wide, and enabled in the project or not yet removed. */
export async function findProjectChroot(
  db: Db,
  project_id: number,
  name: string,
): Promise<ProjectChroot | undefined> {
  const chroots = await listProjectChroots(db, [project_id])
  return chroots.find((chroot) => chroot.name === name && chroot.is_active)
}
