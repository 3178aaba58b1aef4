import { type Selectable, sql } from 'kysely'
import { anyOf } from '../database/any-of.ts'
import type { Db } from '../database/open.ts'
import type { ProjectChrootTable } from '../database/schema.ts'

/** A project chroot without the comps file, which is large. */
export interface ProjectChroot extends Omit<Selectable<ProjectChrootTable>, 'comps'> {
  name: string
  os_release: string
  os_version: string
  arch: string
  /** Whether the site still offers the chroot. */
  is_active: boolean
  /** When the chroot reached its end of life; a chroot that is neither active nor ended is paused. */
  ended_at: Date | null
}

const FACTS = [
  'project_chroot.project_id',
  'project_chroot.chroot_id',
  'project_chroot.is_enabled',
  'project_chroot.delete_after',
  'project_chroot.additional_repos',
  'project_chroot.additional_packages',
  'project_chroot.additional_modules',
  'project_chroot.with_opts',
  'project_chroot.without_opts',
  'project_chroot.bootstrap',
  'project_chroot.bootstrap_image',
  'project_chroot.isolation',
  'project_chroot.comps_name',
  'project_chroot.build_tags',
  'chroot.name',
  'chroot.os_release',
  'chroot.os_version',
  'chroot.arch',
  'chroot.is_active',
  'chroot.ended_at',
] as const

/** Lists the chroots for which the projects have data: enabled chroots, and chroots whose data is scheduled for removal. */
export async function listProjectChroots(db: Db, project_ids: number[]): Promise<ProjectChroot[]> {
  if (project_ids.length === 0) return []
  return await db
    .selectFrom('project_chroot')
    .innerJoin('chroot', 'chroot.id', 'project_chroot.chroot_id')
    .select(FACTS)
    .where('project_id', 'in', project_ids)
    .where((eb) => eb.or([eb('is_enabled', '=', true), eb('delete_after', 'is not', null)]))
    .orderBy('chroot.id')
    .execute()
}

/** Returns the names of the chroots to show in lists, keyed by project ID: those that are enabled in the project and active on the site. */
export async function offeredChrootNames(
  db: Db,
  project_ids: number[],
): Promise<Map<number, string[]>> {
  if (project_ids.length === 0) return new Map()
  const rows = await db
    .selectFrom('project_chroot')
    .innerJoin('chroot', 'chroot.id', 'project_chroot.chroot_id')
    .select(['project_id', sql<string[]>`json_agg(chroot.name order by chroot.id)`.as('names')])
    .where('project_id', '=', anyOf(project_ids))
    .where('is_enabled', '=', true)
    .where('is_active', '=', true)
    .groupBy('project_id')
    .execute()
  return new Map(rows.map(({ project_id, names }) => [project_id, names]))
}

/** Lists the chroots that the project can build for. */
export async function listEnabledChroots(db: Db, project_id: number): Promise<ProjectChroot[]> {
  return (await listProjectChroots(db, [project_id])).filter(isOffered)
}

export function isOffered(chroot: Pick<ProjectChroot, 'is_enabled' | 'is_active'>): boolean {
  return chroot.is_enabled && chroot.is_active
}

/**
 * Reports whether the chroot's repository is served. It is not served while the chroot is paused, nor after the data of a chroot that was
 * disabled or reached its end of life has expired.
 */
export function isServed(
  chroot: Pick<ProjectChroot, 'is_active' | 'ended_at' | 'delete_after'>,
  now: Date,
): boolean {
  const isPaused = !chroot.is_active && chroot.ended_at === null
  const isExpired = chroot.delete_after !== null && chroot.delete_after <= now
  return !isPaused && !isExpired
}

/** Finds a chroot that is active on the site. In the project, it must be enabled, or its data must not have been removed yet. */
export async function findProjectChroot(
  db: Db,
  project_id: number,
  name: string,
): Promise<ProjectChroot | undefined> {
  const chroots = await listProjectChroots(db, [project_id])
  return chroots.find((chroot) => chroot.name === name && chroot.is_active)
}
