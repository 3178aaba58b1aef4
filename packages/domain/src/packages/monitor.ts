import type { BuildState } from '@copr/contract/states'
import { sql } from 'kysely'
import type { Db } from '../database/open.ts'

/** The latest build of a package in one chroot. */
export interface MonitorCell {
  package_name: string
  chroot: string
  build_id: number
  state: BuildState
  pkg_version: string | null
  result_dir: string | null
}

export interface MonitorPackage {
  name: string
  cells: MonitorCell[]
}

export interface MonitorPage {
  project_id: number
  project_dir_id: number
  /** Start after the package with this name. */
  after?: string
  /** Maximum number of packages to examine; the result may be shorter, because packages without builds are left out. */
  limit: number
}

/**
 * Returns a page of the project's packages, sorted by name. `next` is the value of `after` for the next page; undefined on the last page.
 */
export async function monitorPage(
  db: Db,
  { project_id, project_dir_id, after = '', limit }: MonitorPage,
): Promise<{ packages: MonitorPackage[]; next: string | undefined }> {
  const names = await db
    .selectFrom('package')
    .select(['id', 'name'])
    .where('project_id', '=', project_id)
    .where('name', '>', after)
    .orderBy('name')
    .limit(limit)
    .execute()
  if (names.length === 0) return { packages: [], next: undefined }
  const ids = names.map(({ id }) => id)
  // The newest build of a package usually covers most or all chroots; older builds are searched only for the chroots that it lacks.
  const { rows } = await sql<MonitorCell>`
    with newest as materialized (
      select package.id as package_id, package.name as package_name, build.id as build_id
      from package
      cross join lateral (
        select id from build
        where package_id = package.id and project_dir_id = ${project_dir_id}
        order by id desc limit 1
      ) build
      where package.id = any(${ids})
    )
    select package_name, chroot.name as chroot, build_chroot.build_id, build_chroot.state,
      build.package_version as pkg_version, build_chroot.result_dir
    from newest
    join project_chroot on project_chroot.project_id = ${project_id} and project_chroot.is_enabled
    join chroot on chroot.id = project_chroot.chroot_id and chroot.is_active
    left join build_chroot there on there.build_id = newest.build_id and there.chroot_id = chroot.id
    left join lateral (
      select older.id from build
      join build_chroot older on older.build_id = build.id and older.chroot_id = chroot.id
      where there.id is null and build.package_id = newest.package_id
        and build.project_dir_id = ${project_dir_id} and build.id < newest.build_id
      order by build.id desc limit 1
    ) before on true
    join build_chroot on build_chroot.id = coalesce(there.id, before.id)
    join build on build.id = build_chroot.build_id
    order by chroot.name`.execute(db)
  const cells = Map.groupBy(rows, ({ package_name }) => package_name)
  const packages = names.flatMap(({ name }) => {
    const found = cells.get(name)
    return found ? [{ name, cells: found }] : []
  })
  return { packages, next: names.length < limit ? undefined : names.at(-1)?.name }
}
