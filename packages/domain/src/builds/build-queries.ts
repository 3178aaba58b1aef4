import type { Review } from '@copr/contract/builder-protocol'
import type { FailureDetails } from '@copr/contract/failure'
import type { BuildState } from '@copr/contract/states'
import { sql } from 'kysely'
import { anyOf } from '../database/any-of.ts'
import type { Db } from '../database/open.ts'
import {
  type BuildRow,
  type BuildSummary,
  loadBuildRows,
  loadBuildSummaries,
} from './build-summaries.ts'

/** A build with everything that its page shows. */
export interface Build extends BuildSummary {
  /**
   * Why the source package could not be made; null if there was no failure, and for builds of earlier versions, which have only a
   * `fail_reason`.
   */
  failure: FailureDetails | null
  source_json: Record<string, unknown>
  chroots: BuildChroot[]
}

export interface BuildChroot {
  id: number
  build_id: number
  name: string
  state: BuildState
  state_reason: string | null
  /** The cause of the failure; null if there was none, and for builds of earlier versions, which have only a `state_reason`. */
  failure: FailureDetails | null
  git_commit: string | null
  /** Relative to the folder of the chroot in the project dir; null until a builder has started. */
  result_dir: string | null
  started_at: Date | null
  ended_at: Date | null
  /** Duration of each phase, in seconds. */
  seconds: Record<string, number> | null
  /** The findings of rpmlint and fedora-review; null if neither has reported. */
  reviews: Review[] | null
}

export async function findBuild(db: Db, id: number): Promise<Build | undefined> {
  return (await loadBuilds(db, [id])).at(0)
}

/** Loads the builds with these IDs, in the same order; skips IDs that do not exist. */
export async function loadBuilds(db: Db, ids: number[]): Promise<Build[]> {
  const builds = await loadBuildSummaries(db, ids)
  if (builds.length === 0) return []
  const found = builds.map(({ id }) => id)
  const sources = await db
    .selectFrom('build')
    .select(['id', 'source_json', 'failure'])
    .where('id', '=', anyOf(found))
    .execute()
  const sourceOf = new Map(sources.map((row) => [row.id, row]))
  const chroots = Map.groupBy(await chrootsOf(db, found), (chroot) => chroot.build_id)
  return builds.map((build) => ({
    ...build,
    source_json: sourceOf.get(build.id)?.source_json ?? {},
    failure: sourceOf.get(build.id)?.failure ?? null,
    chroots: chroots.get(build.id) ?? [],
  }))
}

async function chrootsOf(db: Db, build_ids: number[]): Promise<BuildChroot[]> {
  return await db
    .selectFrom('build_chroot')
    .innerJoin('chroot', 'chroot.id', 'build_chroot.chroot_id')
    .select([
      'build_chroot.id',
      'build_chroot.build_id',
      'chroot.name',
      'build_chroot.state',
      'build_chroot.state_reason',
      'build_chroot.failure',
      'build_chroot.git_commit',
      'build_chroot.result_dir',
      'build_chroot.started_at',
      'build_chroot.ended_at',
      'build_chroot.seconds',
      'build_chroot.reviews',
    ])
    .where('build_id', '=', anyOf(build_ids))
    .orderBy('chroot.name')
    .execute()
}

export interface BuildFilter {
  project_id?: number
  package_id?: number
  state?: BuildState
  /** Return only builds older than this one; web pages use it for keyset pagination. */
  before_id?: number | undefined
  after_id?: number | undefined
}

export interface BuildPage {
  limit?: number | undefined
  offset: number
  /** Whether builds are ordered by descending ID; otherwise, by ascending ID. */
  descending: boolean
}

/** Lists a page of builds. An index scan finds the IDs first, so that the skipped rows of a deep page are not joined. */
export async function listBuilds(
  db: Db,
  filter: BuildFilter,
  page: BuildPage,
): Promise<BuildRow[]> {
  return await loadBuildRows(db, await listBuildIds(db, filter, page))
}

export async function listBuildIds(
  db: Db,
  filter: BuildFilter,
  page: BuildPage,
): Promise<number[]> {
  let query = db
    .selectFrom('build')
    .select('build.id')
    .orderBy('build.id', page.descending ? 'desc' : 'asc')
    .offset(page.offset)
  if (page.limit !== undefined) query = query.limit(page.limit)
  if (filter.project_id !== undefined) query = query.where('project_id', '=', filter.project_id)
  if (filter.package_id !== undefined) query = query.where('package_id', '=', filter.package_id)
  if (filter.state !== undefined) query = query.where('state', '=', filter.state)
  if (filter.before_id !== undefined) query = query.where('build.id', '<', filter.before_id)
  if (filter.after_id !== undefined) query = query.where('build.id', '>', filter.after_id)
  const ids = await query.execute()
  return ids.map(({ id }) => id)
}

/** Returns the newest builds of all projects, except projects that are not listed on the front page. */
export async function recentBuilds(db: Db, limit: number): Promise<BuildRow[]> {
  const ids = await db
    .selectFrom('build')
    .innerJoin('project', 'project.id', 'build.project_id')
    .select('build.id')
    .where('project.deleted_at', 'is', null)
    .where('project.unlisted_on_hp', '=', false)
    .orderBy('build.id', 'desc')
    .limit(limit)
    .execute()
  return await loadBuildRows(
    db,
    ids.map(({ id }) => id),
  )
}

export interface BuiltPackage {
  name: string
  epoch: number | null
  version: string
  release: string
  arch: string
}

/** Returns the packages that each build chroot produced, keyed by the build chroot's id. */
export async function builtPackages(
  db: Db,
  build_id: number,
): Promise<Map<number, BuiltPackage[]>> {
  const rows = await db
    .selectFrom('built_package')
    .innerJoin('build_chroot', 'build_chroot.id', 'built_package.build_chroot_id')
    .select([
      'build_chroot_id',
      'built_package.name',
      'built_package.epoch',
      'built_package.version',
      'built_package.release',
      'built_package.arch',
    ])
    .where('build_chroot.build_id', '=', build_id)
    .orderBy('built_package.id')
    .execute()
  const byChroot = Map.groupBy(rows, (row) => row.build_chroot_id)
  return new Map(
    [...byChroot].map(([id, list]) => [id, list.map(({ build_chroot_id: _, ...nevra }) => nevra)]),
  )
}

export interface RunningPhase {
  /** Null for the source task and the import task. */
  build_chroot_id: number | null
  kind: string
  state: string
  phase: string | null
  machine: string | null
}

/** Returns the unfinished tasks of a build, each with the phase that its machine last reported. */
export async function runningPhases(db: Db, build_id: number): Promise<RunningPhase[]> {
  return await db
    .selectFrom('task')
    .leftJoin('machine', 'machine.id', 'task.machine_id')
    .select(['build_chroot_id', 'kind', 'task.state', 'phase', 'machine.name as machine'])
    .where('build_id', '=', build_id)
    .where('task.state', '<>', 'done')
    .orderBy('task.id')
    .execute()
}

/** Counts the waiting and the running tasks for the front page, each with its own index scan. */
export async function queueSize(db: Db): Promise<{ waiting: number; running: number }> {
  const count = (state: 'queued' | 'leased') =>
    sql<number>`(select count(*) from task where state = ${sql.lit(state)})`
  return await db
    .selectNoFrom([count('queued').as('waiting'), count('leased').as('running')])
    .executeTakeFirstOrThrow()
}
