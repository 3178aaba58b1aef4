import { sql, type Selectable } from 'kysely'
import { type BuildSummary, loadBuildSummaries } from '../builds/build-summaries.ts'
import { anyOf } from '../database/any-of.ts'
import type { Page } from '../database/paging.ts'
import type { Db } from '../database/open.ts'
import type { PackageTable } from '../database/schema.ts'

export type Package = Selectable<PackageTable>

/** Maximum number of packages in memory at a time. */
const CHUNK = 500

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

/** Lists packages by name, starting after the name `after`. */
export async function packagesAfter(
  db: Db,
  project_id: number,
  { after, limit }: { after: string; limit: number },
): Promise<Package[]> {
  return await db
    .selectFrom('package')
    .selectAll()
    .where('project_id', '=', project_id)
    .where('name', '>', after)
    .orderBy('name')
    .limit(limit)
    .execute()
}

/** Yields packages in chunks, so that a list without a limit does not exhaust memory. */
export async function* allPackages(
  db: Db,
  project_id: number,
  page: PackagePage,
): AsyncGenerator<Package[]> {
  const ids = await listPackageIds(db, project_id, page)
  for (let from = 0; from < ids.length; from += CHUNK)
    yield await loadPackages(db, ids.slice(from, from + CHUNK))
}

async function listPackageIds(
  db: Db,
  project_id: number,
  { limit, offset, order, descending }: PackagePage,
): Promise<number[]> {
  const query = db
    .selectFrom('package')
    .select('id')
    .where('project_id', '=', project_id)
    .orderBy(order, descending ? 'desc' : 'asc')
    .offset(offset)
  const rows = await (limit === undefined ? query : query.limit(limit)).execute()
  return rows.map(({ id }) => id)
}

/** Loads the packages with these IDs, in the same order. */
async function loadPackages(db: Db, ids: number[]): Promise<Package[]> {
  if (ids.length === 0) return []
  const rows = await db.selectFrom('package').selectAll().where('id', '=', anyOf(ids)).execute()
  const byId = new Map(rows.map((row) => [row.id, row]))
  return ids.flatMap((id) => byId.get(id) ?? [])
}

/** Lists the packages whose source is a repository, for webhooks. */
export async function listScmPackages(db: Db, project_id: number): Promise<Package[]> {
  return await db
    .selectFrom('package')
    .selectAll()
    .where('project_id', '=', project_id)
    .where('source_type', '=', 'scm')
    .orderBy('name')
    .execute()
}

/** Returns the source settings of a package; undefined if there is no such package. */
export async function packageSource(
  db: Db,
  id: number,
): Promise<Record<string, unknown> | undefined> {
  const row = await db
    .selectFrom('package')
    .select('source_json')
    .where('id', '=', id)
    .executeTakeFirst()
  return row?.source_json
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
  /** Whether to prefer the newest build in the main directory, even if builds in other directories are newer. */
  main_directory_first: boolean
}

/** Returns the latest build of each package, keyed by package ID; the query needs only one index scan per package. */
export async function latestBuilds(
  db: Db,
  { package_ids, only_succeeded, main_directory_first }: LatestWanted,
): Promise<Map<number, BuildSummary>> {
  if (package_ids.length === 0) return new Map()
  const succeeded = only_succeeded ? sql`and build.state = 'succeeded'` : sql``
  const newest = (where: ReturnType<typeof sql>) => sql`(
    select build.id from build
    where build.package_id = package.id ${succeeded} ${where}
    order by build.id desc limit 1)`
  const inMain = newest(sql`and build.project_dir_id = main.id`)
  const anywhere = newest(sql``)
  const chosen = main_directory_first ? sql`coalesce(${inMain}, ${anywhere})` : anywhere
  const rows = await db
    .selectFrom('package')
    .innerJoin('project', 'project.id', 'package.project_id')
    .leftJoin('project_dir as main', (join) =>
      join.onRef('main.project_id', '=', 'project.id').onRef('main.name', '=', 'project.name'),
    )
    .select(['package.id', sql<number | null>`${chosen}`.as('build_id')])
    .where('package.id', '=', anyOf(package_ids))
    .execute()
  const builds = await loadBuildSummaries(
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
