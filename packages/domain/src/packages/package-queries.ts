import { sql, type Selectable } from 'kysely'
import { type Build, loadBuilds } from '../builds/build-queries.ts'
import type { Page } from '../database/paging.ts'
import type { Db } from '../database/open.ts'
import type { PackageTable } from '../database/schema.ts'

export type Package = Selectable<PackageTable>

export const PACKAGE_ORDERS = ['id', 'name'] as const
export type PackagePage = Page<(typeof PACKAGE_ORDERS)[number]>

export async function findPackage(
  db: Db,
  project_id: number,
  name: string,
): Promise<Package | undefined> {
  return await db
    .selectFrom('package')
    .selectAll()
    .where('project_id', '=', project_id)
    .where('name', '=', name)
    .executeTakeFirst()
}

export async function listPackages(
  db: Db,
  project_id: number,
  { limit, offset, order, descending }: PackagePage,
): Promise<Package[]> {
  const query = db
    .selectFrom('package')
    .selectAll()
    .where('project_id', '=', project_id)
    .orderBy(order, descending ? 'desc' : 'asc')
    .offset(offset)
  return await (limit === undefined ? query : query.limit(limit)).execute()
}

export async function countPackages(db: Db, project_id: number): Promise<number> {
  const { count } = await db
    .selectFrom('package')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('project_id', '=', project_id)
    .executeTakeFirstOrThrow()
  return count
}

export interface LatestWanted {
  package_ids: number[]
  only_succeeded: boolean
  /** The newest build of the main directory, if there is one, goes before newer ones elsewhere. */
  main_directory_first: boolean
}

/** Each package's latest build, by the package's id: one walk down an index for each. */
export async function latestBuilds(
  db: Db,
  { package_ids, only_succeeded, main_directory_first }: LatestWanted,
): Promise<Map<number, Build>> {
  if (package_ids.length === 0) return new Map()
  const succeeded = only_succeeded ? sql`and build.state = 'succeeded'` : sql``
  const newest = (where: ReturnType<typeof sql>) => sql`(
    select build.id from build
    where build.package_id = package.id ${succeeded} ${where}
    order by build.id desc limit 1)`
  const inMain = newest(sql`and build.project_dir_id = (
    select project_dir.id from project_dir join project on project.id = project_dir.project_id
    where project.id = package.project_id and project_dir.name = project.name)`)
  const anywhere = newest(sql``)
  const chosen = main_directory_first ? sql`coalesce(${inMain}, ${anywhere})` : anywhere
  const rows = await db
    .selectFrom('package')
    .select(['package.id', sql<number | null>`${chosen}`.as('build_id')])
    .where('package.id', 'in', package_ids)
    .execute()
  const builds = await loadBuilds(
    db,
    rows.flatMap(({ build_id }) => build_id ?? []),
  )
  const byId = new Map(builds.map((build) => [build.id, build]))
  return new Map(
    rows.flatMap(({ id, build_id }) => {
      const build = build_id === null ? undefined : byId.get(build_id)
      return build ? [[id, build] as const] : []
    }),
  )
}
