import type { BuildState } from '@copr/contract/states'
import { sql } from 'kysely'
import { anyOf } from '../database/any-of.ts'
import type { Db } from '../database/open.ts'

/** A build as it is shown in tables. Its chroots are not included: for a page of builds, these can be a thousand rows. */
export interface BuildRow {
  id: number
  state: BuildState
  source_state: BuildState
  source_type: string
  fail_reason: string | null
  canceled: boolean
  project_id: number
  ownername: string
  projectname: string
  dirname: string
  package_id: number | null
  package_name: string | null
  package_version: string | null
  srpm_name: string | null
  submitter: string | null
  submitted_at: Date
  source_started_at: Date | null
  source_ended_at: Date | null
  finished_at: Date | null
  is_background: boolean
  timeout_seconds: number
  enable_net: boolean | null
  bootstrap: string
  isolation: string
}

/** A build with a summary of its chroots, which the database aggregates; the API's lists contain it. */
export interface BuildSummary extends BuildRow {
  /** In alphabetical order. */
  chroot_names: string[]
  /** When the first chroot started. */
  first_started_at: Date | null
  /** When the last chroot ended; null until all have ended. */
  last_ended_at: Date | null
}

const COLUMNS = [
  'build.id',
  'build.state',
  'build.source_state',
  'build.source_type',
  'build.fail_reason',
  'build.canceled',
  'build.project_id',
  'build.package_id',
  'build.package_version',
  'build.srpm_name',
  'build.submitted_at',
  'build.source_started_at',
  'build.source_ended_at',
  'build.finished_at',
  'build.is_background',
  'build.timeout_seconds',
  'build.enable_net',
  'build.bootstrap',
  'build.isolation',
] as const

/** Loads the builds with these IDs, in the same order; skips IDs that do not exist. */
export async function loadBuildRows(db: Db, ids: number[]): Promise<BuildRow[]> {
  // IDs of builds stay below 2^53; PostgreSQL would reject a larger number if it does not fit the column.
  const possible = ids.filter((id) => Number.isSafeInteger(id))
  if (possible.length === 0) return []
  const rows = await db
    .selectFrom('build')
    .innerJoin('project', 'project.id', 'build.project_id')
    .innerJoin('project_dir', 'project_dir.id', 'build.project_dir_id')
    .leftJoin('package', 'package.id', 'build.package_id')
    .leftJoin('user_account', 'user_account.id', 'build.submitter_id')
    .select(COLUMNS)
    .select([
      'project.ownername',
      'project.name as projectname',
      'project_dir.name as dirname',
      'package.name as package_name',
      'user_account.username as submitter',
    ])
    .where('build.id', '=', anyOf(possible))
    // The builds of a deleted project count as deleted.
    .where('project.deleted_at', 'is', null)
    .execute()
  const byId = new Map(rows.map((row) => [row.id, row]))
  return possible.flatMap((id) => byId.get(id) ?? [])
}

export async function loadBuildSummaries(db: Db, ids: number[]): Promise<BuildSummary[]> {
  const builds = await loadBuildRows(db, ids)
  if (builds.length === 0) return []
  const rows = await db
    .selectFrom('build_chroot')
    .innerJoin('chroot', 'chroot.id', 'build_chroot.chroot_id')
    .select(({ fn }) => [
      'build_chroot.build_id',
      sql<string[]>`json_agg(chroot.name order by chroot.name)`.as('chroot_names'),
      fn.min('build_chroot.started_at').as('first_started_at'),
      sql<Date | null>`case when bool_and(build_chroot.ended_at is not null) then max(build_chroot.ended_at) end`.as(
        'last_ended_at',
      ),
    ])
    .where('build_id', '=', anyOf(builds.map(({ id }) => id)))
    .groupBy('build_chroot.build_id')
    .execute()
  const byBuild = new Map(rows.map(({ build_id, ...sums }) => [build_id, sums]))
  return builds.map((build) => ({ ...build, ...(byBuild.get(build.id) ?? NO_CHROOTS) }))
}

const NO_CHROOTS = { chroot_names: [], first_started_at: null, last_ended_at: null }
